namespace Livebed.Faults;

/// <summary>Rows that are drawn: five campaigns, every phase, and faults of any length. The same seed gives the same rows.</summary>
internal static class RandomRows
{
    private static readonly string[] _campaigns = ["smoke", "default", "dirty-log", "fault-storm", "teardown"];

    /// <summary>Each with a campaign in which it is found.</summary>
    private static readonly (string Mutant, string Campaign)[] _mutants =
    [
        ("no-tlb-flush", "default"), ("read-only-mapped-writable", "default"), ("get-log-without-protect", "dirty-log"),
        ("no-retry-check", "fault-storm"), ("count-after-walk", "slot-storm"), ("no-reset-at-destroy", "teardown"),
    ];

    /// <param name="count">how many</param>
    /// <param name="seed">of the draws</param>
    /// <param name="withMutants">each run has a defect: then none may be valid</param>
    public static IEnumerable<Row> Draw(int count, int seed, bool withMutants)
    {
#pragma warning disable CA5394 // Nothing here is secret.
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var (mutant, campaign) = withMutants
                ? _mutants[random.Next(_mutants.Length)]
                : ("none", _campaigns[random.Next(_campaigns.Length)]);
            var kind = (FaultKind)random.Next((int)FaultKind.FullDisk);
            var fault = new Fault(kind, kind switch
            {
                FaultKind.Quota => random.Next(10, 51),
                FaultKind.KillSilo => 0,
                _ => Math.Round(0.5 + 19.5 * Math.Pow(random.NextDouble(), 2), 1),
            });
            var phase = Phases.All[random.Next(Phases.All.Count)];
            var seconds = withMutants ? 8 : 4;
            List<string> arguments =
            [
                "run", campaign, "--duration", $"{seconds}s", "--silos", "2", "--mutant", mutant,
                "--seed", random.Next(1_000_000).ToString(System.Globalization.CultureInfo.InvariantCulture),
            ];
            if (fault.NeedsProcesses || random.Next(4) == 0) arguments.Add("--processes");
            var after = phase == Phases.Running ? random.NextDouble() * seconds : random.NextDouble() * 0.3;
            string[] ends = [withMutants ? "invalid" : "valid", "unknown"];

            // A bed that does not come up has no verdict.
            if (phase is "starting" or "creating" || kind == FaultKind.Quota) ends = [.. ends, "failed"];
            yield return new Row(FormattableString.Invariant($"{i}"), fault, phase, after, arguments, ends, "");
        }
#pragma warning restore CA5394
    }
}
