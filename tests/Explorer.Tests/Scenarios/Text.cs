using Livebed.Explorer.Searching;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>A finding as text, for a failed test.</summary>
internal static class Text
{
    public static string Of(Finding? finding) => finding is null
        ? "nothing"
        : $"schedule {finding.Schedule}, seed {finding.Seed}: {string.Join("; ", finding.Violations.Select(violation => $"{violation.Invariant} {violation.Message}"))} {finding.Failure}";
}
