"""Autoencoders: pictures to latents and back."""

from models.diffusion.autoencoder.errors import AutoencoderError
from models.diffusion.autoencoder.frozen import Autoencoder
from models.diffusion.autoencoder.load import autoencoder_identity, load_autoencoder
from models.diffusion.autoencoder.settings import AutoencoderSettings

__all__ = ["Autoencoder", "AutoencoderError", "AutoencoderSettings", "autoencoder_identity", "load_autoencoder"]
