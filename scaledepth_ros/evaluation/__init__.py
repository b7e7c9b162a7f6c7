# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Measures of metric depth: protocols, metrics, uncertainty, baselines and the evaluation loop.

``protocols.py`` says which pixels count, ``metrics.py`` measures one image, ``uncertainty.py``
judges the stated standard deviation, ``evaluate.py`` runs a predictor over a data set.
"""
