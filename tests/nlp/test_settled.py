import pytest

from nlp.settled import says_settled


@pytest.mark.parametrize(
    "text",
    ["换好了，各位试试", "已拆除", "来水了", "人救出来了", "柜子拉走了，煤球架限三天", "照明灯修好了", "李先生反映的灯已修好"],
)  # fmt: skip
def test_staff_say_that_it_is_done(text: str) -> None:
    assert says_settled(text)


@pytest.mark.parametrize(
    "text",
    ["还没修好", "修好就开门", "今天换，换好发照片", "预计下午恢复供水", "马上来水了", "已通知维保", "换好了吗", "在修了", "通了电话"],
)  # fmt: skip
def test_a_promise_or_a_question_settles_nothing(text: str) -> None:
    assert not says_settled(text)


@pytest.mark.parametrize(
    "text", ["下水道堵了", "楼顶私装了摄像头", "他家铺了地砖", "属于正常", "师傅到位了", "我问一下好了", "8点恢复供水", "修了三次了"]
)
def test_trouble_and_other_peoples_doings_settle_nothing(text: str) -> None:
    assert not says_settled(text)
