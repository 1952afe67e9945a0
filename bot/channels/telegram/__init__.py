"""Telegram: python-telegram-bot 22 behind the channel contract. Long polling by default, a webhook with a secret on request."""

from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.webhook import WebhookConfig

__all__ = ["TelegramChannel", "WebhookConfig"]
