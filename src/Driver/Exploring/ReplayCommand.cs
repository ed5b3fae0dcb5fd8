using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Witnesses;
using Spectre.Console;

namespace Livebed.Driver.Exploring;

/// <summary>
/// `livebed replay`: plays a replay file exactly and shows its witness. Whether it was a repeat is decided by the hash over all steps and
/// by the invariants that it broke; a file that cannot be followed says where.
/// </summary>
internal sealed class ReplayCommand(CommandEnvironment environment)
{
    public int Run(ReplayRequest request)
    {
        var (replay, player) = ReplaySource.Read(environment.Folders.Current, request.File);
        EventLog? log = null;
        environment.Pulse?.Begin(budget: null);
        var played = player.Play(replay, isLenient: false, world => log = new EventLog(world), request.Until);
        log!.Complete();
        if (played.Divergence is { } divergence)
        {
            var why = replay.Livebed?.Difference is { } difference ? $"; {difference}" : "";
            environment.Error.WriteLine($"{request.File}: the schedule cannot be followed: {divergence}{why}");
            return ExitCodes.Unknown;
        }

        var report = new Report(
            replay, played, player.Scenario.KnownAs(replay.Protocol, played.PlayResult.Violations)?.Why,
            WasStopped: request.Until is not null && played.PlayResult.Result.Outcome == ScheduleOutcome.StepLimit,
            Lanes: request.Until is null ? [] : LaneState.All(played.PlayResult, log),
            Entries: [.. log.Entries.Where(entry => entry.Step >= request.From && (request.Until is null || entry.Step <= request.Until))]);
        if (request.Json) environment.Out.WriteLine(JsonSerializer.Serialize(JsonOf(report), ExploreJson.Options));
        else Write(report, player.Scenario);
        environment.Out.Flush();
        return ExitCode(report);
    }

    private void Write(Report report, Scenario scenario)
    {
        var page = new ReportPage(environment);
        page.Line(scenario.Name, style: new Style(decoration: Decoration.Bold));
        page.Line(scenario.Claim, 2);
        var parameters = string.Join(", ", report.Replay.Parameters.Select(set => $"{set.Key} {set.Value}"));
        page.Line($"protocol {report.Replay.Protocol}, mutant {report.Replay.Mutant}, {parameters}", 2);
        if (report.Replay.Without.Names.Count > 0) page.Line($"without {string.Join(", ", report.Replay.Without.Names)}", 2);
        if (report.Replay.Livebed?.Difference is { } difference) page.Line(difference, 2, new Style(Color.Yellow));
        page.Line();
        new WitnessView(page).Write(WitnessRows.Of(report.Entries));
        page.Line();
        if (report.Lanes.Count > 0) WriteLanes(page, report);
        page.Violations(report.PlayResult.PlayResult.Violations);
        if (report.WasStopped) return;
        page.Verdict(report.Verdict, report.Expected);
        page.Line(
            report.HashMatches
                ? "every step is the one that was written down"
                : "NOT the schedule that was written down: its steps have another hash", 2);
        page.Line(
            report.ViolatesTheSame ? $"violates what the file says: {Names(report.Replay.Violates)}"
                : $"violates {Names(report.PlayResult.Violates)}; the file says {Names(report.Replay.Violates)}", 2);
    }

    private static void WriteLanes(ReportPage page, Report report)
    {
        page.Line(FormattableString.Invariant($"after step {report.PlayResult.PlayResult.Result.Steps}:"));
        foreach (var lane in report.Lanes)
        {
            var holds = lane.Holds.Count == 0 ? "" : $"; holds {string.Join(", ", lane.Holds)}";
            var waits = lane.WaitsFor is null ? "" : $"; for {lane.WaitsFor}";
            page.Line($"{lane.Lane}: {lane.Stands}{waits}{holds}", 2);
        }

        page.Line();
    }

    private static string Names(IReadOnlyList<string> invariants) => invariants.Count == 0 ? "nothing" : string.Join(", ", invariants);

    private static object JsonOf(Report report) => new
    {
        scenario = report.Replay.Scenario,
        protocol = report.Replay.Protocol,
        mutant = report.Replay.Mutant,
        parameters = report.Replay.Parameters,
        seed = report.Replay.Seed,
        livebed = report.Replay.Livebed,
        modelMatches = report.Replay.Livebed is null ? (bool?)null : report.Replay.Livebed.Difference is null,
        without = report.Replay.Without.Names,
        verdict = report.WasStopped ? ExploreVerdict.Unknown : report.Verdict,
        expected = report.Expected,
        steps = report.PlayResult.PlayResult.Result.Steps,
        stopped = report.WasStopped,
        logHash = ExploreJson.HashOf(report.PlayResult.LogHash),
        logHashMatches = report.HashMatches,
        violatesTheSame = report.ViolatesTheSame,
        violations = report.PlayResult.PlayResult.Violations.Select(ExploreJson.ViolationOf),
        lanes = report.Lanes,
        witness = report.Entries.Select(ExploreJson.EntryOf),
    };

    private static int ExitCode(Report report)
    {
        if (report.WasStopped) return ExitCodes.Valid;
        return report.Verdict switch
        {
            ExploreVerdict.Valid or ExploreVerdict.Expected => ExitCodes.Valid,
            ExploreVerdict.Invalid => ExitCodes.Invalid,
            ExploreVerdict.Failed => ExitCodes.BedFailed,
            _ => ExitCodes.Unknown,
        };
    }

    private sealed record Report(
        Replay Replay, Replayed PlayResult, string? Expected, bool WasStopped, IReadOnlyList<LaneState> Lanes,
        IReadOnlyList<WitnessEntry> Entries)
    {
        public bool HashMatches => PlayResult.LogHash == Replay.LogHash;

        public bool ViolatesTheSame => PlayResult.Violates.ToHashSet().SetEquals(Replay.Violates);

        public ExploreVerdict Verdict
        {
            get
            {
                if (PlayResult.PlayResult.Result.Failure is not null) return ExploreVerdict.Failed;
                if (!HashMatches || !ViolatesTheSame) return ExploreVerdict.Unknown;
                if (PlayResult.Violates.Count == 0) return ExploreVerdict.Valid;
                return Expected is null ? ExploreVerdict.Invalid : ExploreVerdict.Expected;
            }
        }
    }
}
