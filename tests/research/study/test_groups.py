"""Heads whose truth is known: the fit to them, and their groups by hand."""

import numpy as np
import pytest

from d3f_lite.evaluation.truth import observe_blind, observe_filled
from d3f_lite.formats.anny import held_out_heads
from research.study.groups import group_table, groups, held_out_phenotypes, measure


def test_each_head_is_in_one_group_of_each_axis():
    phenotypes = held_out_phenotypes()
    members = groups(phenotypes)
    assert all(len(member) == len(held_out_heads()) for member in members.values())
    for axis in ("gender axis", "age", "ancestry"):
        np.testing.assert_array_equal(sum(member.astype(int) for name, member in members.items() if name.startswith(axis)), 1)
    by_hand = {name: values[:1] * 0 for name, values in phenotypes.items()} | {"age": np.array([0.7]), "asian": np.ones(1)}
    inside = [name for name, member in groups(by_hand).items() if member[0]]
    assert inside == ["all", "gender axis: male third", "age: young adult (0.60 to 0.73)", "ancestry: mostly asian"]


def test_a_group_s_line_by_hand():
    phenotypes = {name: np.zeros(4) for name in held_out_phenotypes()} | {"gender": np.array([0, 0, 0, 1.0])}
    errors = np.array([[2.0, 4.0, 9.0, 3.0], [1.0, 2.0, np.nan, 5.0]])
    lines = group_table(errors, phenotypes).splitlines()
    male = next(line for line in lines if "male third" in line)
    assert male == "| gender axis: male third | 3 | 1.50 ± 0.71 (0.50) | 3.00 ± 1.41 (1.00) | -50 % | 1 |"
    assert not any("female third" in line for line in lines)  # of one head nothing can be said


@pytest.mark.slow
def test_heads_whose_truth_is_known():
    """Six heads that no model saw, random light, yaw and occluder: nearer the truth than the mean head."""
    errors = measure(held_out_heads()[:6], 0, looks=(observe_filled, observe_blind))
    kept = np.isfinite(errors).all(0)
    mean_head, fitted, blind = errors[:, kept]
    assert kept.sum() == 6
    assert fitted.mean() <= 0.8 * mean_head.mean()
    assert (fitted < mean_head).mean() >= 0.9
    assert blind.mean() > 1.2 * fitted.mean()
