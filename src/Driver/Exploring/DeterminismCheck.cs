using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Witnesses;

namespace Livebed.Driver.Exploring;

/// <summary>`livebed explore --check-determinism`: the same seed twice must give the same events, one by one; the first that differs is
/// named.</summary>
internal sealed class DeterminismCheck(CommandEnvironment environment)
{
    public int Run(ExploreRequest request)
    {
        long schedules = 0;
        long events = 0;
        string? difference = null;
        environment.Pulse?.Begin(budget: null);
        foreach (var scenario in request.Scenarios)
        {
            for (long i = 0; i < request.Search.Schedules && difference is null; i++)
            {
                if (environment.Interrupts.Token.IsCancellationRequested) break;
                var seed = request.Search.Seed + (ulong)i;
                var (first, second) = (Play(request, scenario, seed), Play(request, scenario, seed));
                environment.Pulse?.Beat();
                schedules++;
                events += first.Entries.Count;
                if (EventLog.FirstDifference(first, second) is { } found)
                    difference = FormattableString.Invariant($"{scenario.Name}, seed {seed}: {found}");
            }
        }

        if (request.Json)
            environment.Out.WriteLine(
                JsonSerializer.Serialize(new { deterministic = difference is null, schedules, events, difference }, ExploreJson.Options));
        else environment.Out.WriteLine(difference is null
            ? FormattableString.Invariant($"deterministic: {schedules} schedules played twice, {events} events, all the same")
            : $"not deterministic: {difference}");
        if (environment.Interrupts.Token.IsCancellationRequested) return ExitCodes.Interrupted;
        return difference is null ? ExitCodes.Valid : ExitCodes.BedFailed;
    }

    private static EventLog Play(ExploreRequest request, Scenario scenario, ulong seed)
    {
        EventLog? log = null;
        new Search(scenario, request.Setup, request.Search with { Seed = seed, Schedules = 1, Attach = world => log = new EventLog(world) })
            .Run();
        log!.Complete();
        return log;
    }
}
