using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios;

/// <summary>One schedule that was played: where, how it ended, and what was violated (hangs included).</summary>
public sealed record Played(Stage Stage, ScheduleResult Result, IReadOnlyList<Violation> Violations)
{
    /// <summary>Whether the schedule shows a fault of the protocol; a lane that threw is one of the model and shown as such.</summary>
    public bool IsBroken => Violations.Count > 0 || Result.Outcome == ScheduleOutcome.Failed;
}
