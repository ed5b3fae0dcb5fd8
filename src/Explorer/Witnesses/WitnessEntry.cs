namespace Livebed.Explorer.Witnesses;

/// <summary>One thing that happened in a schedule.</summary>
/// <param name="Step">in which step, from 1 on</param>
/// <param name="Lane">whose it is; of a lock that was handed over, who got it</param>
/// <param name="Kind">what it tells</param>
/// <param name="Text">for a person; of a lock only which and how: "mmu_lock (read)"</param>
public readonly record struct WitnessEntry(long Step, string Lane, WitnessKind Kind, string Text)
{
    /// <summary>One line, the same for the same schedule.</summary>
    public override string ToString() => FormattableString.Invariant($"{Step} {Lane} {Kind}: {Text}");
}
