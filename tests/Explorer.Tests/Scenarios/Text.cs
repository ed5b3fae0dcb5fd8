using Livebed.Explorer.Searching;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>A finding as text, for a failed test.</summary>
internal static class Text
{
    public static string Of(Finding? finding) => finding is null
        ? "nothing"
        : $"schedule {finding.Schedule}, seed {finding.Seed}: {Of(finding.Violations)} {finding.Failure}";

    public static string Of(IEnumerable<Violation> violations) =>
        string.Join("; ", violations.Select(violation => $"{violation.Invariant} {violation.Message}"));
}
