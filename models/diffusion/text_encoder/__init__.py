"""Encoders of captions and of conditioning frames."""

from models.diffusion.text_encoder.base import ImageEncoder, TextEncoder
from models.diffusion.text_encoder.errors import EncoderError
from models.diffusion.text_encoder.load import image_identity, load_image_encoder, load_text_encoder, text_identity
from models.diffusion.text_encoder.settings import ImageEncoderSettings, TextEncoderSettings

__all__ = [
    "EncoderError",
    "ImageEncoder",
    "ImageEncoderSettings",
    "TextEncoder",
    "TextEncoderSettings",
    "image_identity",
    "load_image_encoder",
    "load_text_encoder",
    "text_identity",
]
