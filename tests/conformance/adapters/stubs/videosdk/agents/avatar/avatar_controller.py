"""Stands in for a module of the vendor's package."""

from dataclasses import dataclass


@dataclass
class AvatarSettings:
    video_width: int
    video_height: int
    video_fps: float
    audio_sample_rate: int
    audio_channels: int
