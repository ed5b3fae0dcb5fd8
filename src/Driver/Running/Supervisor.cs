using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Watches a run: asks every host and VM for its report a few times a second, hands history and statistics on, and looks for hangs over all
/// of them together, since a cycle of waits usually crosses actors. Waits count the time in which the bed ran. It decides when a run has to
/// stop: a violation, a hang, a part of the bed that broke, or an actor that no longer answers.
/// </summary>
internal sealed class Supervisor(
    Fleet fleet, ReportLedger reports, LoadLedger load, HistoryWriter history, RunClock clock, TimeSpan starvation,
    Task<string> siloLost)
{
    /// <summary>An actor that does not answer a report while the driver runs for so long is lost; reports need no lock, so nothing in the
    /// model can delay them.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(20);

    /// <summary>All actors' histories are one stream: they are asked together.</summary>
    public const string ClusterStream = "cluster";

    /// <summary>How late the last report of a dead actor may come, in time in which the bed ran.</summary>
    private static readonly TimeSpan HistorySlack = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan HistorySlackMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    /// <summary>So many times as long as a round took, it rests at least, so that the reports of many VMs do not become the load.</summary>
    private const int RestsPerRound = 10;

    private const int InjectedMax = 1_000;

    private static readonly TimeSpan IntervalMax = TimeSpan.FromSeconds(2);

    private readonly HangDetector _detector = new((long)starvation.TotalMicroseconds, new MigrationParameters().RecoveryLimitMicroseconds);
    private readonly List<HangResult> _hangs = [];
    private readonly List<string> _lost = [];
    private readonly List<ChartMark> _injected = [];
    private long _injectedCount;
    private readonly Lock _gate = new();
    private readonly OwnerWatch _owners = new();
    private readonly BedClock _bed = new(HistorySlack);

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
            if (siloLost.IsCompletedSuccessfully) return [$"{siloLost.Result} ended during the run, and what it held is lost"];
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
        lock (_gate) _lost.Add($"the bed failed: {failure.GetType().Name}: {OneLine.Of(failure.Message)}");
    }

    /// <summary>Observes until cancelled, calling <paramref name="afterEach"/> after every round; returns early when the run must
    /// stop.</summary>
    public async Task WatchAsync(Action afterEach, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var began = clock.NowMicroseconds;
            await ObserveAsync(settled: false);
            afterEach();
            if (MustStop) return;
            var rest = TimeSpan.FromMicroseconds(RestsPerRound * (clock.NowMicroseconds - began));
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
    public async Task ObserveAsync(bool settled)
    {
        var roundBegan = clock.MonotonicMicroseconds;
        using var answered = new CancellationTokenSource();
        var patience = new Patience(clock, AnswerTimeout);
        var over = patience.OverAsync(answered.Token);
        var hosts = fleet.Hosts.Select(host => AskAsync("a host", () => InspectAsync(host), patience, over));
        var vms = fleet.Grains().Select(vm => AskAsync(vm.Key, async () => await InspectAsync(vm.Grain, settled), patience, over));
        var answers = (await Task.WhenAll(hosts.Concat(vms))).SelectMany(answer => answer).ToList();
        await answered.CancelAsync();
        await over;
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
            roundBegan, answers.Select(report => (report.Silo, report.Running)).Append((LoadLedger.DriverSilo, clock.Running.Read())));

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

    private async Task<IReadOnlyList<ActorReport>> InspectAsync(IHostMmuGrain host) =>
        [await host.InspectAsync(clock.MeasuredFromMicroseconds)];

    private async Task<IReadOnlyList<ActorReport>> AskAsync(
        string who, Func<Task<IReadOnlyList<ActorReport>>> ask, Patience patience, Task over)
    {
        try
        {
            // A call to a dead silo may take until its time-out; the answer is not needed any more.
            var asked = ask();
            await Task.WhenAny(asked, siloLost, over);
            if (asked.IsCompleted) return await asked;
            if (siloLost.IsCompleted) return [];
            lock (_gate) _lost.Add($"{who} did not answer {patience}");
            return [];
        }
        catch (Exception exception)
        {
            // An answer that is an exception: the actor is broken, or a new one in place of one that died with its silo.
            lock (_gate) _lost.Add($"{who} gave no report: {exception.GetType().Name}: {OneLine.Of(exception.Message)}");
            return [];
        }
    }

    private void LookForHangs(List<ActorReport> answers)
    {
        var waits = answers.SelectMany(report => report.Waits.Select(wait => new ObservedWait(report.Actor, wait))).ToList();
        var live = answers.SelectMany(report => report.LiveOperations)
            .Select(id => new OperationId(id)).Concat(load.LiveOperations).ToHashSet();
        var progress = answers.ToDictionary(report => report.Actor, report => report.Progress);
        foreach (var hang in _detector.Observe(new HangObservation(clock.NowMicroseconds, waits, live, progress)
        {
            RanMicroseconds = _bed.RanMicroseconds,
        }))
            lock (_gate)
                _hangs.Add(HangResult.From(hang));
    }
}
