"""Latent video diffusion: the trainer and the sampler."""
