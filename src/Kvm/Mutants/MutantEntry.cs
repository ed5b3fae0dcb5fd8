namespace Livebed.Kvm.Mutants;

/// <summary>
/// One mutant as data. <paramref name="Bug"/> is its number in the project's notes on the protocol (B published bug, m design mistake, Q QEMU) or
/// the section that it comes from, <paramref name="Reference"/> the kernel's commit or CVE, empty where there is none. It must be caught by one
/// of <paramref name="CaughtBy"/>, in the explorer in <paramref name="Scenario"/> under <paramref name="Protocol"/>, and on the cluster in
/// <paramref name="Campaign"/>, a file of campaigns/; null where only the explorer can bring it about.
/// </summary>
public sealed record MutantEntry(
    Mutant Id, string Name, string Story, string Bug, string Reference, IReadOnlyList<string> CaughtBy, string Scenario, string? Campaign = null,
    string Protocol = "active-count");
