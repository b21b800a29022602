"""The text side of OpenCLIP's CoCa, one token at a time. Loads no torch when imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class CocaDecoder:
    """Scores of the next token for texts that grow, with the weights of an `open_clip.CoCa`.

    Gives the logits of ``CoCa.forward`` for the last token, but keeps keys and values of earlier tokens and of the
    image, which ``forward`` computes anew for every token and every beam.
    Source: CoCa, arXiv 2205.01917 (unimodal layers, then multimodal ones with cross-attention); OpenCLIP's mask, under
    which the unimodal layers do not see a token that stands behind a padding token.
    """

    def __init__(self, model: Any, image_tokens: torch.Tensor, texts_per_image: int) -> None:
        """``image_tokens``: [images, n, width], what ``model.visual`` gives beside the embedding."""
        import torch

        self._text = model.text
        self._decoder = model.text_decoder
        self._pad = model.pad_id
        self._texts_per_image = texts_per_image
        self._picture = [_picture_memory(block, image_tokens) for block in self._decoder.cross_attn]
        blocks = len(self._text.transformer.resblocks) + len(self._decoder.resblocks)
        self._memory: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * blocks
        self.device = image_tokens.device
        texts = len(image_tokens) * texts_per_image
        self._visible = torch.ones(texts, 1, dtype=torch.bool, device=self.device)

    def next_logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append a token to every text; logits of the token after it, float32 [texts, vocabulary].

        ``tokens``: int64 [texts], the texts of one image beside each other.
        """
        import torch

        unimodal, multimodal = self._text.transformer.resblocks, self._decoder.resblocks
        dtype = self._text.transformer.get_cast_dtype()
        position = self._visible.shape[1] - 1
        x = self._text.token_embedding(tokens).to(dtype) + self._text.positional_embedding[position].to(dtype)
        for index, block in enumerate(unimodal):
            x = self._attend_to_text(index, block, x, self._visible)
        for index, (block, cross) in enumerate(zip(multimodal, self._decoder.cross_attn, strict=True)):
            x = self._attend_to_text(len(unimodal) + index, block, x, None)
            x = self._attend_to_picture(index, cross, x)
        self._visible = torch.cat([self._visible, (tokens != self._pad)[:, None]], dim=1)
        out = self._decoder.ln_final(x)
        if self._decoder.text_projection is not None:
            out = out.to(self._decoder.text_projection.dtype) @ self._decoder.text_projection
        logits: torch.Tensor = out.to(torch.float32)
        return logits

    def keep(self, texts: torch.Tensor) -> None:
        """Go on with these texts (int64, their present places, in order of the images; a text may be repeated).

        Every image that is kept keeps its number of texts; an image none of whose texts is named is left out.
        """
        self._memory = [None if pair is None else (pair[0][texts], pair[1][texts]) for pair in self._memory]
        self._visible = self._visible[texts]
        images = texts[:: self._texts_per_image] // self._texts_per_image
        if len(images) < len(self._picture[0][0]):
            self._picture = [(keys[images], values[images]) for keys, values in self._picture]

    def _attend_to_text(self, index: int, block: Any, x: torch.Tensor, visible: torch.Tensor | None) -> torch.Tensor:
        import torch

        query, key, value = _projected(block.attn, block.ln_1(x)).chunk(3, dim=-1)
        key, value = (_heads(each[:, None], block.attn) for each in (key, value))
        earlier = self._memory[index]
        if earlier is not None:
            key, value = torch.cat([earlier[0], key], dim=2), torch.cat([earlier[1], value], dim=2)
        self._memory[index] = (key, value)
        mask = None if visible is None else visible[:, None, None]
        return _finish(block, x, _attention(_heads(query[:, None], block.attn), key, value, mask))

    def _attend_to_picture(self, index: int, block: Any, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[-1]
        query = _projected(block.attn, block.ln_1(x), slice(0, width)).view(-1, self._texts_per_image, width)
        keys, values = self._picture[index]
        return _finish(block, x, _attention(_heads(query, block.attn), keys, values, None))


def _picture_memory(block: Any, image_tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = block.ln_1_kv(image_tokens)
    width = tokens.shape[-1]
    key, value = _projected(block.attn, tokens, slice(width, 3 * width)).chunk(2, dim=-1)
    return _heads(key, block.attn), _heads(value, block.attn)


def _projected(attention: Any, x: torch.Tensor, rows: slice = slice(None)) -> torch.Tensor:
    """``x`` times rows of the stacked query, key and value matrices of an `nn.MultiheadAttention`."""
    from torch.nn.functional import linear

    return linear(x.to(attention.in_proj_weight.dtype), attention.in_proj_weight[rows], attention.in_proj_bias[rows])


def _heads(x: torch.Tensor, attention: Any) -> torch.Tensor:
    """[batch, n, width] → [batch, heads, n, width of a head]."""
    return x.view(*x.shape[:2], attention.num_heads, -1).transpose(1, 2)


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """[batch, heads, n, d] → [batch · n, heads · d]."""
    from torch.nn.functional import scaled_dot_product_attention

    return scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(0, 1).flatten(1)


def _finish(block: Any, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
    """The rest of a residual attention block, after the attention itself."""
    x = x + block.ls_1(block.attn.out_proj(attended))
    return x + block.ls_2(block.mlp(block.ln_2(x)))  # type: ignore[no-any-return]
