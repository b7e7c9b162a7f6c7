# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from setuptools import find_packages, setup

package_name = 'scaledepth_ros'


def data_tree(folder: str) -> list[tuple[str, list[str]]]:
    """Return one data_files entry for every directory with files below a top-level folder."""
    directories = sorted({path.parent for path in Path(folder).rglob('*') if path.is_file()})
    return [
        (
            f'share/{package_name}/{directory.as_posix()}',
            sorted(str(path) for path in directory.iterdir() if path.is_file()),
        )
        for directory in directories
        if '__pycache__' not in directory.parts
    ]


setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(include=[package_name, f'{package_name}.*']),
    package_data={
        package_name: ['py.typed'],
        f'{package_name}.model': ['weights/*'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{package_name}']),
        (f'share/{package_name}', ['package.xml', 'LICENSE', 'requirements.txt']),
        *data_tree('launch'),
        *data_tree('config'),
    ],
    # The run-time dependencies are in package.xml, as colcon and rosdep expect: listed here they
    # would also be checked against pip's metadata, which a Debian-packaged ROS does not have.
    install_requires=['setuptools'],
    extras_require={'test': ['pytest']},
    python_requires='>=3.10',
    zip_safe=False,
    author='The ScaleDepth ROS authors',
    maintainer='The ScaleDepth ROS authors',
    maintainer_email='maintainers@scaledepth-ros.example',
    description='Metric depth and a point cloud from one calibrated camera, with ScaleDepth.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'depth_node = scaledepth_ros.ros.depth_node:main',
            'camera_node = scaledepth_ros.ros.camera_node:main',
            'recorder_node = scaledepth_ros.ros.recorder_node:main',
            'scaledepth = scaledepth_ros.cli.__main__:main',
        ],
    },
)
