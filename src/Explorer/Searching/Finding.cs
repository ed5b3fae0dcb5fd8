using Livebed.Explorer.Replays;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Searching;

/// <summary>A schedule that broke something: what, after how many schedules, and how to repeat it.</summary>
/// <param name="Violations">at least one, unless a lane threw</param>
/// <param name="Schedule">its number in the search, from 1 on</param>
/// <param name="Seed">its own seed</param>
/// <param name="Replay">the schedule</param>
/// <param name="Failure">what a lane threw: a defect of the model or of the scenario</param>
/// <param name="Expected">the scenario's word on it, when it is known</param>
public sealed record Finding(
    IReadOnlyList<Violation> Violations, long Schedule, ulong Seed, Replay Replay, Exception? Failure, string? Expected);
