"""The denoising network: a UNet over videos of latents."""
