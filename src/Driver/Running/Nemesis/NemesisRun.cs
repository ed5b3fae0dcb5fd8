using System.Diagnostics;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Grains.Faults;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// Makes the faults of <see cref="NemesisPlan"/> during a run, one after the other. Each is in the history with its beginning and its end,
/// is seen to have its effect, and is healed before the next begins, also when the run is cut short.
/// </summary>
internal sealed class NemesisRun(
    Campaign campaign, IClusterFaults cluster, string? redis, Fleet fleet, LoadLedger load, Supervisor supervisor, OperationIds ids,
    RunClock clock)
{
    private readonly HostLoss _loss = new(fleet, supervisor, clock);
    private readonly List<(NemesisResult Result, (int Host, int Death)? Died)> _made = [];
    private readonly IReadOnlyList<PlannedFault> _plan = NemesisPlan.Of(campaign);
    private bool _isWhole;

    /// <summary>Those that have ended.</summary>
    public IReadOnlyList<NemesisResult> Results
    {
        get
        {
            lock (_made)
                return [.. _made.Select(
                    one => one.Died is { } died ? one.Result with { Lost = fleet.LostOf(died.Host, died.Death) } : one.Result)];
        }
    }

    /// <summary>Faults that were planned and did not begin, though the run came to its end.</summary>
    public int NotBegun
    {
        get
        {
            lock (_made) return _isWhole ? _plan.Count - _made.Count : 0;
        }
    }

    /// <param name="isHurried">nothing of the cluster is needed any more</param>
    /// <param name="over">the load ends</param>
    public async Task RunAsync(Func<bool> isHurried, CancellationToken over)
    {
        var began = Stopwatch.GetTimestamp();
        foreach (var planned in _plan)
        {
            await SleepAsync(planned.At - Stopwatch.GetElapsedTime(began), over);
            if (over.IsCancellationRequested) break;
            if (Stopwatch.GetElapsedTime(began) + planned.Length < campaign.Duration) await RunAsync(planned, isHurried, over);
        }

        if (isHurried()) return;
        _isWhole = true;
        await _loss.SettleAsync();
    }

    private async Task RunAsync(PlannedFault planned, Func<bool> isHurried, CancellationToken over)
    {
        var (op, fault, began) = (new Operation(ids.Next(), OperationKind.Nemesis), Make(planned), clock.NowMicroseconds);
        var text = FormattableString.Invariant($"{KebabCase.Of(planned.Kind)} {fault.Target} for {planned.Length.TotalSeconds:0.0} s");
        (int, int)? died = planned is { Kind: NemesisKind.Kill, Silo: { } host } ? (host, fleet.DeathsOf(host) + 1) : null;
        supervisor.HarmBegins(text);
        load.Record(op, HistoryType.Invoke, text);
        var problem = await TryAsync(async () =>
        {
            await fault.BeginAsync(over);
            var noEffect = await fault.FindNoEffectAsync();
            await SleepAsync(planned.Length - TimeSpan.FromMicroseconds(clock.NowMicroseconds - began), over);
            return noEffect;
        });
        var notHealed = await TryAsync(async () =>
        {
            var hurried = isHurried();
            await fault.EndAsync(hurried);
            return hurried ? null : await fault.FindNotHealedAsync();
        });
        supervisor.HarmEnds();
        var result = new NemesisResult(KebabCase.Of(planned.Kind), fault.Target, began, clock.NowMicroseconds, problem ?? notHealed, [])
        {
            Calls = fault.Calls,
        };
        load.Record(op, result.Problem is null ? HistoryType.Ok : HistoryType.Fail, Ended(text, result, died));
        lock (_made) _made.Add((result, died));
    }

    private string Ended(string text, NemesisResult result, (int Host, int Death)? died)
    {
        var lost = died is var (host, death) ? fleet.LostOf(host, death) : [];
        var names = lost.Count == 0 ? "" : $"; lost: {string.Join(", ", lost.Select(vm => vm.Actor))}";
        var calls = result.Calls == 0 ? "" : FormattableString.Invariant($"; {result.Calls} calls");
        return $"{text}: {result.Problem ?? "healed"}{calls}{names}";
    }

    private INemesisFault Make(PlannedFault planned)
    {
        var silo = ActorKeys.Silo(planned.Silo ?? 0);
        var cut = new LinkOrder("", 0) { CutsTo = true, CutsFrom = true };
        return planned.Kind switch
        {
            NemesisKind.Kill => new KillFault(cluster.Processes!, _loss, silo, planned.Silo!.Value),
            NemesisKind.Pause => new PauseFault(cluster, silo, planned.Length),
            NemesisKind.Redis => new RedisFault(redis!, planned.Length),
            NemesisKind.Full => new FullFault(fleet.HostOf(planned.Silo!.Value), ActorKeys.Host(planned.Silo!.Value)),
            NemesisKind.Duplicate or NemesisKind.Late => new CallFault(cluster, CallsOf(planned), planned.Length),
            NemesisKind.Slow => new LinkFault(cluster, planned.Cuts, new LinkOrder("", 0)
            {
                DelayMilliseconds = (int)campaign.Nemesis.Delay.TotalMilliseconds,
                BytesPerSecond = campaign.Nemesis.Bandwidth,
            }, planned.Length, LinkText(planned.Cuts), campaign.Nemesis.Delay),
            _ => new LinkFault(cluster, planned.Cuts, cut, planned.Length, LinkText(planned.Cuts), least: null),
        };
    }

    private CallOrders CallsOf(PlannedFault planned) =>
        new(campaign.Nemesis.CallShare, (int)campaign.Nemesis.Delay.TotalMilliseconds, Milliseconds: 0)
        {
            AreTwice = planned.Kind == NemesisKind.Duplicate,
            Seed = new SeededRandom((ulong)campaign.Seed!.Value).Fork((ulong)planned.Number).State,
        };

    /// <summary>"silo-0 &gt; silo-1" one way, "silo-0 - silo-1" both; of groups, "silo-0, silo-3 | silo-1, silo-2".</summary>
    private static string LinkText(IReadOnlyList<(int From, int To)> cuts)
    {
        if (cuts.Count == 1) return $"{ActorKeys.Silo(cuts[0].From)} > {ActorKeys.Silo(cuts[0].To)}";
        if (cuts.Count == 2) return $"{ActorKeys.Silo(cuts[0].From)} - {ActorKeys.Silo(cuts[0].To)}";
        var other = cuts.Where(cut => cut.From == cuts[0].From).Select(cut => cut.To).Distinct().Order().ToList();
        var one = cuts.Where(cut => cut.To == other[0]).Select(cut => cut.From).Distinct().Order();
        return $"{string.Join(", ", one.Select(ActorKeys.Silo))} | {string.Join(", ", other.Select(ActorKeys.Silo))}";
    }

    /// <summary>A fault that fails is a word in the results; the run goes on.</summary>
    private static async Task<string?> TryAsync(Func<Task<string?>> step)
    {
        try
        {
            return await step();
        }
        catch (Exception failure)
        {
            return $"{failure.GetType().Name}: {OneLine.Of(failure.Message)}";
        }
    }

    private static async Task SleepAsync(TimeSpan time, CancellationToken over)
    {
        if (time > TimeSpan.Zero) await Task.Delay(time, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
