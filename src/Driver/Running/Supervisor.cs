using System.Collections.Concurrent;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Watches a run: asks each silo a few times a second for the reports of those of its actors that have news, hands history and statistics
/// on, and looks for hangs over all of them together, since a cycle of waits usually crosses actors. An actor that does not report has
/// nothing under way and waits for nothing. Waits count the time in which the bed ran. It decides when a run has to stop: a violation, a
/// hang, a part of the bed that broke, or an actor that no longer answers.
/// </summary>
internal sealed class Supervisor(
    Fleet fleet, ReportLedger reports, LoadLedger load, HistoryWriter history, RunClock clock, TimeSpan starvation,
    ICluster cluster)
{
    /// <summary>An actor that does not answer a report while the driver runs for so long is lost; reports need no lock, so nothing in the
    /// model can delay them.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(20);

    /// <summary>All actors' histories are one stream: they are asked together.</summary>
    public const string ClusterStream = ViolationResult.OwnersSilo;

    /// <summary>How late the last report of a dead actor may come, in time in which the bed ran.</summary>
    private static readonly TimeSpan HistorySlack = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan HistorySlackMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    /// <summary>So many times as long as rounds take, it rests at least, so that reports do not become the load.</summary>
    private const int RestsPerRound = 10;

    private const int InjectedMax = 1_000;

    /// <summary>Sentences about what did not answer.</summary>
    private const int LostMax = 16;

    private static readonly TimeSpan IntervalMax = TimeSpan.FromSeconds(2);

    private readonly HangDetector _detector = new((long)starvation.TotalMicroseconds, new MigrationParameters().RecoveryLimitMicroseconds);
    private readonly List<HangResult> _hangs = [];
    private readonly List<string> _lost = [];
    private readonly List<ChartMark> _injected = [];
    private long _injectedCount;
    private readonly Lock _gate = new();
    private readonly OwnerWatch _owners = new()
    {
        Note = (at, fact) => history.Append(ClusterStream, [HistoryRecord.Of(clock.Since(at), ClusterStream, fact)], long.MinValue),
    };
    private readonly BedClock _bed = new(HistorySlack);
    private readonly Dictionary<string, long> _heard = new(StringComparer.Ordinal);
    private readonly HashSet<string> _down = [];
    private int _harms;
    private bool _wasHarmed;

    public IReadOnlyList<HangResult> Hangs
    {
        get
        {
            lock (_gate) return [.. _hangs];
        }
    }

    public IReadOnlyList<string> ContactLost
    {
        get
        {
            // One reason is enough: when a silo is gone, its actors answer in odd ways.
            if (cluster.SiloLost.IsCompletedSuccessfully)
                return [$"{cluster.SiloLost.Result} ended during the run, and what it held is lost"];
            lock (_gate) return [.. _lost];
        }
    }

    /// <summary>For how long the bed stood still so far.</summary>
    public long StoodMicroseconds => _bed.StoodMicroseconds;

    /// <summary>What the network did to migrations by order of the campaign, by the run's clock; the first
    /// <see cref="InjectedMax"/>.</summary>
    public IReadOnlyList<ChartMark> Injected
    {
        get
        {
            lock (_gate) return [.. _injected];
        }
    }

    /// <summary>Standstills of the bed, if there were any to speak of, and what is not drawn.</summary>
    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_gate)
        {
            return _injectedCount <= InjectedMax
                ? _bed.LimitsHit()
                : [
                    .. _bed.LimitsHit(),
                    new("injectedFaults", _injectedCount - InjectedMax, $"only the first {InjectedMax} injected faults are drawn"),
                ];
        }
    }

    public bool MustStop =>
        reports.ViolationCount > 0 || Hangs.Count > 0 || ContactLost.Count > 0 || reports.Failures().Count > 0 || load.Failures.Count > 0;

    /// <summary>Something is known against what is tested.</summary>
    public bool HasFindings => reports.ViolationCount > 0 || Hangs.Count > 0;

    /// <summary>The bed failed after that.</summary>
    public void Broken(Exception failure)
    {
        Lost($"the bed failed: {failure.GetType().Name}: {OneLine.Of(failure.Message)}");
    }

    /// <summary>Observes until cancelled, calling <paramref name="afterEach"/> after every round; returns early when the run must
    /// stop.</summary>
    public async Task WatchAsync(Action afterEach, CancellationToken stop)
    {
        var before = 0L;
        while (!stop.IsCancellationRequested)
        {
            var began = clock.NowMicroseconds;
            await ObserveAsync();
            afterEach();
            if (MustStop) return;

            // One round may be slow by chance, and the first is, as its code is compiled. Two in a row are what rounds cost.
            var took = clock.NowMicroseconds - began;
            var rest = TimeSpan.FromMicroseconds(RestsPerRound * Math.Min(took, before));
            before = took;
            try
            {
                await Task.Delay(rest < Interval ? Interval : rest < IntervalMax ? rest : IntervalMax, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>One round of reports and one look for hangs.</summary>
    /// <param name="ofAll">of actors without news too</param>
    public async Task ObserveAsync(bool ofAll = false)
    {
        var roundBegan = clock.MonotonicMicroseconds;
        var kind = ofAll ? CollectKind.All : CollectKind.News;
        var silos = await Task.WhenAll(Present().Select(silo => CollectAsync(silo, kind)));
        Observed(roundBegan, [.. silos.SelectMany(silo => silo.Reports)], silos);
    }

    /// <summary>The last round of a run: no operation is under way, so what is open at a VM is out of balance.</summary>
    public async Task SettleAsync()
    {
        var (roundBegan, answers) = (clock.MonotonicMicroseconds, new ConcurrentBag<ActorReport>());
        await ManyVms.EachAsync(fleet.Grains(), async vm =>
        {
            foreach (var report in await AskAsync(vm.Key, () => InspectAsync(vm.Grain, settled: true).AsTask()) ?? [])
                answers.Add(report);
        });
        var silos = await Task.WhenAll(Present().Select(silo => CollectAsync(silo, CollectKind.All)));
        Observed(roundBegan, [.. answers, .. silos.SelectMany(silo => silo.Reports)], silos);
    }

    private IEnumerable<string> Present()
    {
        lock (_gate) return [.. cluster.SiloNames.Where(silo => !_down.Contains(silo))];
    }

    private void Observed(long roundBegan, IReadOnlyList<ActorReport> answers, IReadOnlyList<CollectedReports> silos)
    {
        bool wasHarmed;
        IReadOnlyList<CollectedReports> told = [];
        lock (_gate)
        {
            (wasHarmed, _wasHarmed) = (_wasHarmed, _harms > 0);
            foreach (var silo in silos.Where(silo => silo.Running is not null && !_down.Contains(silo.Silo)))
                (_heard[silo.Silo], told) = (roundBegan, [.. told, silo]);

            // A report of before the death of its silo would bring its actor back.
            if (_down.Count > 0) answers = [.. answers.Where(report => !_down.Contains(report.Silo))];
        }

        foreach (var silo in told) reports.Update(silo.Silo, silo.Latencies!);
        foreach (var report in answers)
        {
            reports.Update(report);
            Take(report);
            foreach (var last in report.LastOfOthers)
            {
                reports.Retire(last);
                Take(last);
            }
        }

        _bed.Observed(
            roundBegan, silos.Where(silo => silo.Running is not null).Select(silo => (silo.Silo, silo.Running!.Value))
                .Append((LoadLedger.DriverSilo, clock.Running.Read())), wasHarmed);

        // Every actor has been asked since the round began. What was in flight on another path then arrives within the slack.
        var complete = _bed.CompleteMicroseconds;
        if (complete != long.MinValue) Judged(_owners.Judge(complete));
        // A process that is killed leaves the history behind: on a bed that hardly runs it waits for nothing longer than this.
        var written = clock.Since(Math.Max(complete, roundBegan - (long)HistorySlackMax.TotalMicroseconds));
        history.Append(ClusterStream, [], written);
        history.Append(LoadLedger.DriverSilo, [], written);
        history.Flush();

        // Without a report of each actor, an operation that runs would look like one that has ended.
        if (ContactLost.Count == 0) LookForHangs(answers);
    }

    /// <summary>Reports of a VM and its vCPUs.</summary>
    public ValueTask<IReadOnlyList<ActorReport>> InspectAsync(IVmGrain vm, bool settled) =>
        vm.InspectAsync(settled, clock.MeasuredFromMicroseconds);

    /// <summary>All reports have come: what has not been judged for want of an earlier one is judged now.</summary>
    /// <param name="isSettled">no migration was given up under way, so no guest may be left standing</param>
    public void JudgeTheRest(bool isSettled) => Judged(isSettled ? _owners.Settled() : _owners.Judge(long.MaxValue));

    /// <summary>How far owners were judged.</summary>
    public OwnersJudged OwnersJudged => _owners.Judged;

    /// <summary>A silo has left the run, and nothing of the run was on it.</summary>
    public void SiloLeft(string silo) => _bed.Left(silo);

    /// <summary>A silo was killed, with the host on it. What it has not reported is not known any more.</summary>
    public void SiloDied(string silo, string host)
    {
        long heard;
        lock (_gate)
        {
            _down.Add(silo);
            heard = _heard.GetValueOrDefault(silo, long.MinValue);
        }

        reports.Lose(silo);
        _owners.Died(host, heard, clock.MonotonicMicroseconds);
        _bed.Left(silo);
    }

    /// <summary>No silo takes the place of a dead one: what would be left at the end says nothing of what is tested.</summary>
    public void SiloStaysAway(string silo, string why) => Lost($"{silo} was killed on purpose and did not come back: {OneLine.Of(why)}");

    /// <summary>Another silo has taken its place.</summary>
    public void SiloIsBack(string silo)
    {
        _bed.Joined(silo);
        lock (_gate) _down.Remove(silo);
    }

    /// <summary>A nemesis begins something: waits do not count until it has ended.</summary>
    public void HarmBegins(string text)
    {
        lock (_gate)
        {
            (_harms, _wasHarmed) = (_harms + 1, true);
            if (_injectedCount++ < InjectedMax) _injected.Add(new ChartMark(OperationKind.Nemesis.Name, clock.NowMicroseconds, text));
        }
    }

    public void HarmEnds()
    {
        lock (_gate) _harms--;
    }

    /// <summary>A VM was lost in its migration, with one of the hosts.</summary>
    public void GuestLost(VmMove move) => _owners.Lost(move.Request.Setup.Vm, clock.MonotonicMicroseconds);

    /// <summary>A migration of a VM is over.</summary>
    public void MigrationEnded(VmMove move, MigrationInfo info) => _owners.Ended(
        move.Request.Setup.Vm, move.Request.Setup.Destination, info, clock.MonotonicMicroseconds);

    /// <summary>Takes what is new in a report, also in one that came by another way, such as a dead actor's last.</summary>
    public void Take(ActorReport report)
    {
        _owners.Take(report);
        if (report.History.Count == 0) return;
        foreach (var entry in report.History) Inject(report, entry);
        var records = report.History.Select(entry => new HistoryRecord(
            clock.Since(entry.MonotonicMicroseconds), report.Silo, report.Actor, Enum.Parse<HistoryType>(entry.Type, ignoreCase: true),
            OperationKinds.Find(entry.Operation) ?? OperationKind.None, new OperationId(entry.OperationId),
            entry.Value)).ToArray();
        history.Append(ClusterStream, records, long.MinValue);
    }

    private void Inject(ActorReport report, HistoryEntry entry)
    {
        if (entry.Operation != OperationKind.LinkBreak.Name && entry.Operation != OperationKind.AnswerLoss.Name) return;
        if (!entry.Type.Equals(nameof(HistoryType.Invoke), StringComparison.OrdinalIgnoreCase)) return;
        lock (_gate)
        {
            if (_injectedCount++ >= InjectedMax) return;
            var text = entry.Value is null ? report.Actor : $"{report.Actor}: {entry.Value}";
            _injected.Add(new ChartMark(entry.Operation, clock.Since(entry.MonotonicMicroseconds), text));
        }
    }

    private void Judged(IReadOnlyList<Violation> violations)
    {
        if (violations.Count > 0) reports.Violated(ClusterStream, violations);
    }

    /// <summary>All that was on a silo's board when the round began. Actors that do not answer hold up no other; as long as others do,
    /// there is patience.</summary>
    private async Task<CollectedReports> CollectAsync(string silo, CollectKind kind)
    {
        var board = cluster.Client.GetGrain<IBoardGrain>(silo);
        var (reported, running, latencies) = (new List<ActorReport>(), (RunningTime?)null, (LatencyReport?)null);
        var patience = new Patience(clock, AnswerTimeout);
        for (var asked = kind; ; asked = CollectKind.Rest)
        {
            var which = asked;
            if (await AskAsync(silo, () => board.CollectAsync(which, clock.MeasuredFromMicroseconds).AsTask()) is not { } answer) break;
            (running, latencies) = (answer.Running, answer.Latencies);
            reported.AddRange(answer.Reports);
            foreach (var failure in answer.Failed) Lost(OneLine.Of(failure));
            if (answer.Left == 0) break;
            if (answer.Reports.Count > 0) patience = new Patience(clock, AnswerTimeout);
            if (!patience.IsOver) continue;
            foreach (var actor in answer.Silent) Lost($"{actor} did not answer {patience}");
            break;
        }

        return new CollectedReports(silo, running, latencies, reported);
    }

    /// <returns>null without an answer, which is noted</returns>
    private async Task<T?> AskAsync<T>(string who, Func<Task<T>> ask) where T : class
    {
        using var answered = new CancellationTokenSource();
        var patience = new Patience(clock, AnswerTimeout);
        try
        {
            // A call to a dead silo may take until its time-out; the answer is not needed any more.
            var asked = ask();
            if (!asked.IsCompleted) await Task.WhenAny(asked, cluster.SiloLost, patience.OverAsync(answered.Token));
            if (asked.IsCompleted) return await asked;
            if (!cluster.SiloLost.IsCompleted) Lost($"{who} did not answer {patience}");
            return null;
        }
        catch (SiloKilledException)
        {
            // By the driver itself, which knows what is lost.
            return null;
        }
        catch (Exception exception)
        {
            // An answer that is an exception: the actor is broken, or a new one in place of one that died with its silo.
            Lost($"{who} gave no report: {exception.GetType().Name}: {OneLine.Of(exception.Message)}");
            return null;
        }
        finally
        {
            await answered.CancelAsync();
        }
    }

    private void Lost(string reason)
    {
        lock (_gate)
            if (_lost.Count < LostMax)
                _lost.Add(reason);
    }

    private void LookForHangs(IReadOnlyList<ActorReport> answers)
    {
        // An actor may have been asked in two ways.
        var latest = new Dictionary<string, ActorReport>(answers.Count, StringComparer.Ordinal);
        foreach (var report in answers) latest[report.Actor] = report;
        var waits = latest.Values.SelectMany(report => report.Waits.Select(wait => new ObservedWait(report.Actor, wait))).ToList();
        var live = latest.Values.SelectMany(report => report.LiveOperations)
            .Select(id => new OperationId(id)).Concat(load.LiveOperations).ToHashSet();
        var progress = latest.ToDictionary(entry => entry.Key, entry => entry.Value.Progress, StringComparer.Ordinal);
        foreach (var hang in _detector.Observe(new HangObservation(clock.NowMicroseconds, waits, live, progress)
        {
            RanMicroseconds = _bed.RanMicroseconds,
        }))
        {
            lock (_gate) _hangs.Add(HangResult.From(hang));
            HangSpan.Record(hang);
        }
    }

    /// <param name="Silo">its name</param>
    /// <param name="Running">null of a silo that did not answer</param>
    /// <param name="Latencies">null of a silo that did not answer</param>
    /// <param name="Reports">of its actors</param>
    private sealed record CollectedReports(
        string Silo, RunningTime? Running, LatencyReport? Latencies, IReadOnlyList<ActorReport> Reports);
}
