"""Vision-language models of a few thousand weights, in the files that `save_pretrained` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.tiny_tokenizers import byte_level_bpe, livelier

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
QWEN2_ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}}
SMOL_VISION = ("<image>", "<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
INTERN_VISION = ("<img>", "</img>", "<IMG_CONTEXT>", "<video>")


def _template(image: str, video: str) -> str:
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{% for part in message['content'] %}"
        f"{{% if part['type'] == 'image' %}}{image}{{% elif part['type'] == 'video' %}}{video}"
        "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


QWEN_TEMPLATE = _template("<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>")
SMOL_TEMPLATE = _template("<image>", "<video>")
INTERN_TEMPLATE = _template("<IMG_CONTEXT>\n", "<video>\n")


def create_tiny_qwen2_vl(folder: Path, *, seed: int = 0, template: str = QWEN_TEMPLATE) -> Path:
    """Qwen2-VL: patches of 4 × 4 pixels, frames of up to 48 × 48; the number of tokens follows the picture's shape."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor

    processor = _qwen2_processor(Qwen2VLProcessor, template)
    vision = {"embed_dim": 32, "mlp_ratio": 2}
    return _save_qwen2(Qwen2VLConfig, Qwen2VLForConditionalGeneration, processor, vision, folder, seed)


def create_tiny_qwen2_5_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen2.5-VL: as Qwen2-VL, with window attention, and positions that follow the frames' times."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    processor = _qwen2_processor(Qwen2_5_VLProcessor, QWEN_TEMPLATE)
    vision = {
        "out_hidden_size": 32,
        "intermediate_size": 48,
        "tokens_per_second": 2,
        "window_size": 16,
        "fullatt_block_indexes": [1],
    }
    return _save_qwen2(Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, processor, vision, folder, seed)


def create_tiny_qwen3_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen3-VL: as Qwen2-VL, and the times of the frames stand in the prompt."""
    import torch
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    tokenizer = _tokenizer((*SPECIALS, *QWEN_VISION))
    sizes: dict[str, Any] = {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(size={"shortest_edge": 16 * 16, "longest_edge": 48 * 48}, **sizes),
        tokenizer,
        Qwen3VLVideoProcessor(size={"shortest_edge": 4 * 16 * 16, "longest_edge": 4 * 48 * 48}, **sizes),
        chat_template=QWEN_TEMPLATE,
    )
    config = Qwen3VLConfig(
        text_config=_text_config(len(tokenizer))
        | {
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [2, 3, 3],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "out_hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        **_qwen_token_ids(tokenizer),
    )
    torch.manual_seed(seed)
    return _save(Qwen3VLForConditionalGeneration(config), processor, folder, seed)


def create_tiny_internvl(folder: Path, *, seed: int = 0) -> Path:
    """InternVL: frames of 28 × 28 pixels, one token each."""
    import torch
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    names = ("start_image_token", "end_image_token", "context_image_token", "video_token")
    tokenizer = _tokenizer(
        (*SPECIALS, *INTERN_VISION), extra_special_tokens=dict(zip(names, INTERN_VISION, strict=True))
    )
    size = {"height": 28, "width": 28}
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=size),
        tokenizer,
        InternVLVideoProcessor(size=size),
        image_seq_length=1,
        chat_template=INTERN_TEMPLATE,
    )
    config = InternVLConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "image_size": (28, 28),
            "patch_size": (14, 14),
        },
        text_config=_text_config(len(tokenizer)) | {"model_type": "qwen2"},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
    )
    torch.manual_seed(seed)
    return _save(InternVLForConditionalGeneration(config), processor, folder, seed)


def create_tiny_smolvlm(folder: Path, *, seed: int = 0) -> Path:
    """SmolVLM2: frames of 56 × 56 pixels, four tokens each, and a prompt that tells their times."""
    import torch
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    tokenizer = _tokenizer((*SPECIALS, *SMOL_VISION), extra_special_tokens={"image_token": "<image>"})
    size = {"longest_edge": 56}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(size=size, max_image_size=size, do_image_splitting=False),
        tokenizer,
        SmolVLMVideoProcessor(size=size, max_image_size=size, num_frames=4, fps=1),
        image_seq_len=4,
        chat_template=SMOL_TEMPLATE,
    )
    config = SmolVLMConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "image_size": 56,
            "patch_size": 14,
        },
        text_config=_text_config(len(tokenizer)) | {"model_type": "llama"},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    return _save(SmolVLMForConditionalGeneration(config), processor, folder, seed)


def _tokenizer(specials: tuple[str, ...], **settings: Any) -> Any:
    from transformers import Qwen2Tokenizer

    vocab, merges = byte_level_bpe(specials)
    return Qwen2Tokenizer(
        vocab=vocab, merges=merges, eos_token="<|im_end|>", additional_special_tokens=list(specials), **settings
    )


def _qwen2_processor(processor_class: Any, template: str) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    sizes: dict[str, Any] = {
        "size": {"shortest_edge": 16 * 16, "longest_edge": 48 * 48},
        "patch_size": 4,
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    tokenizer = _tokenizer((*SPECIALS, *QWEN_VISION))
    return processor_class(
        Qwen2VLImageProcessor(**sizes), tokenizer, Qwen2VLVideoProcessor(**sizes), chat_template=template
    )


def _save_qwen2(
    config_class: Any, model_class: Any, processor: Any, vision: dict[str, Any], folder: Path, seed: int
) -> Path:
    import torch

    tokenizer = processor.tokenizer
    shared = {"depth": 2, "hidden_size": 32, "num_heads": 2, "patch_size": 4, "spatial_merge_size": 2}
    config = config_class(
        text_config=_text_config(len(tokenizer)) | QWEN2_ROPE,
        vision_config=shared | {"temporal_patch_size": 2} | vision,
        **_qwen_token_ids(tokenizer),
    )
    torch.manual_seed(seed)
    return _save(model_class(config), processor, folder, seed)


def _qwen_token_ids(tokenizer: Any) -> dict[str, int]:
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def _text_config(vocab_size: int) -> dict[str, Any]:
    return {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 2048,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


def _save(model: Any, processor: Any, folder: Path, seed: int) -> Path:
    livelier(model, seed=seed)
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
