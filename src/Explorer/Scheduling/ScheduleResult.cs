using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scheduling;

/// <summary>How a schedule ended. Two runs with the same decisions have the same <paramref name="LogHash"/>, which mixes every step.</summary>
public sealed record ScheduleResult(
    ScheduleOutcome Outcome, long Steps, long Microseconds, ulong LogHash, IReadOnlyList<Violation> Violations, IReadOnlyList<Lane> Unfinished,
    Exception? Failure)
{
    public override string ToString() =>
        $"{Outcome} after {Steps} steps; violations: {string.Join("; ", Violations.Take(3).Select(violation => $"{violation.Invariant}: {violation.Message}"))}; "
        + $"unfinished: {string.Join(", ", Unfinished)}; {Failure}";
}
