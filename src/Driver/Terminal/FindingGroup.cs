using Livebed.Driver.Results;

namespace Livebed.Driver.Terminal;

/// <summary>All findings of one kind, in words, for the terminal and for the report.</summary>
public sealed record FindingGroup(string Singular, string Plural, IReadOnlyList<RunFinding> Findings)
{
    /// <summary>Everything that a run has found; a kind of which there is nothing has no group.</summary>
    public static IReadOnlyList<FindingGroup> In(RunResults results)
    {
        FindingGroup[] all =
        [
            new("violation", "Violations", [.. results.Violations.Select(violation => new RunFinding($"{violation.Invariant}: "
                + $"{violation.Message}{Place(violation)}", violation.Witness) { Operations = violation.Operations, Vm = violation.Vm })]),
            new("hang", "Hangs", [.. results.Hangs.Select(hang => new RunFinding($"{hang.Kind}: "
                + $"{hang.Message} (waited {Figures.Microseconds(hang.WaitedMicroseconds)})",
                hang.Witness) { Operations = hang.Operations })]),
            new(
                "potential lock cycle", "Potential lock cycles",
                [.. results.LockOrder.PotentialCycles.Select(cycle => new RunFinding(cycle.Cycle, cycle.Chains))]),
            new("limit hit", "Limits hit", [.. results.LimitsHit.Select(hit => new RunFinding($"{hit.Limit}: "
                + $"{hit.Message} ({Figures.Count(hit.Times)})", []))]),
        ];
        return [.. all.Where(group => group.Findings.Count > 0)];
    }

    private static string Place(ViolationResult violation)
    {
        var parts = new List<string>();
        if (violation.Vm is { } vm) parts.Add(vm);
        if (violation.Gfn is { } gfn) parts.Add(FormattableString.Invariant($"gfn 0x{gfn:x}"));
        if (violation.Hva is { } hva) parts.Add(FormattableString.Invariant($"hva 0x{hva:x}"));
        if (violation.Pfn is { } pfn) parts.Add(FormattableString.Invariant($"pfn {pfn}"));
        parts.AddRange(violation.Operations);
        return parts.Count == 0 ? "" : $" [{string.Join(", ", parts)}]";
    }
}

/// <summary>Something that was found, in a line, and its witness.</summary>
public sealed record RunFinding(string Text, IReadOnlyList<string> Witness)
{
    /// <summary>That were involved, as results.json names them.</summary>
    public IReadOnlyList<string> Operations { get; init; } = [];

    /// <summary>The VM; null where there is none, or several.</summary>
    public string? Vm { get; init; }
}
