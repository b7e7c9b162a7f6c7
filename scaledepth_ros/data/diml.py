# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
DIML/CVL RGB-D (Cho et al. 2021), outdoor part, depth from a stereo camera.

::

    ROOT/test_outdoor.txt               lines: IMAGE DEPTH, relative to ROOT
    ROOT/test/LR/outleft/0155.png       (or HR)
    ROOT/test/LR/depthmap/0155.png

Depth is 16-bit PNG in millimetres. The data set states no intrinsics.
"""

from pathlib import Path

from scaledepth_ros.data.listed_frames import FolderSizes, FrameFiles, ListedFrames, read_list
from scaledepth_ros.data.sample import FrameInfo


class DimlOutdoor(ListedFrames):
    """
    DIML outdoor; where a frame was taken is not said, so each is a scene of its own.

    Args:
        root: Folder as above.
        split: NAME of a list ``NAME_outdoor.txt``.

    Raises:
        DatasetError: The list or an image is missing.
    """

    def __init__(self, root: Path, split: str) -> None:
        path = root / f'{split}_outdoor.txt'
        size_of = FolderSizes()
        files = []
        for image, depth, *_ in read_list(path, columns=2):
            height, width = size_of(root / image)
            info = FrameInfo(
                name=image,
                dataset='DIML outdoor',
                domain='outdoor',
                scene=f'diml_{Path(image).stem}',
                width=width,
                height=height,
                category='outdoor_scene',
            )
            files.append(
                FrameFiles(info=info, rgb_path=root / image, depth_path=root / depth)
            )
        super().__init__(files, path, depth_scale=1000.0)
