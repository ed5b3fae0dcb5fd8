using Livebed.Kvm.Checks;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>How a run ended. Two runs with the same seed have the same <paramref name="LogHash"/>, which mixes every decision.</summary>
internal sealed record SimResult(
    SimOutcome Outcome, long Steps, long Microseconds, ulong LogHash, IReadOnlyList<Violation> Violations, IReadOnlyList<SimTask> Unfinished,
    Exception? Failure)
{
    public override string ToString() =>
        $"{Outcome} after {Steps} steps; violations: {string.Join("; ", Violations.Take(3).Select(violation => $"{violation.Invariant}: {violation.Message}"))}; "
        + $"unfinished: {string.Join(", ", Unfinished)}; {Failure}";
}
