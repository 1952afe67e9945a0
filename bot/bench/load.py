"""Chat of many groups at a set pace: clear reports, supplements, follow-ups and mostly chatter, in words of our own."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from bot.channels.contract import ChatMessage, Sender

# shares of a lively group: one message in ten reports something (the transcripts of development have one in five)
REPORTS = (
    "{b}栋{u}单元电梯坏了，怎么按都不动",
    "{b}栋楼下路灯不亮了，黑咕隆咚的",
    "{b}栋{u}单元楼道灯坏了好几天",
    "{b}栋下水道堵了，污水冒出来了",
    "{b}栋门口垃圾堆成山没人收",
    "{b}栋{u}单元门禁坏了刷不开",
    "{b}栋{u}单元{f}楼楼上漏水，墙都湿了",
    "南门快递柜旁边井盖松动，车过去哐当响",
    "{b}栋消防通道又被车堵住了",
    "{b}栋旁边半夜还在施工，吵得睡不着",
)
CHATTER = [
    "早上好",
    "收到",
    "哈哈哈",
    "谢谢",
    "今天天气不错",
    "有人拼单买水果吗",
    "晚上一起跳舞不",
    "这个视频笑死我了",
    "好的好的",
    "明天降温，大家多穿点",
    "谁家的快递放错了",
    "孩子作业写完没",
    "周末去爬山",
    "这家火锅味道可以",
    "[强][强]",
    "在不在",
    "我到楼下了",
    "菜市场白菜便宜",
    "晚安",
    "辛苦了",
]
SHARE = 0.1


def messages(chats: list[str], n: int, *, channel: str, seed: int = 7) -> list[ChatMessage]:
    """n messages over the chats, in turn; ids unique in a chat. Reports name a building, so that distinct ones stay apart."""
    rng = random.Random(seed)
    made = []
    for i in range(n):
        report = rng.random() < SHARE
        text = rng.choice(REPORTS if report else CHATTER).format(b=rng.randint(1, 40), u=rng.randint(1, 4), f=rng.randint(1, 18))
        who = rng.randint(1, 200)
        sender = Sender(id=f"u{who}", name=f"{who}号邻居", role="resident")
        made.append(
            ChatMessage(channel=channel, chat_id=chats[i % len(chats)], message_id=f"m{i}", sender=sender, at=datetime.now(UTC), text=text)
        )
    return made
