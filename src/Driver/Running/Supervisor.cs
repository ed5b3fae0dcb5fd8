using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Watches a run: asks every host and VM for its report a few times a second, hands history and statistics on, and looks for hangs over
/// all of them together, since a cycle of waits usually crosses actors. It decides when a run has to stop: a violation, a hang, a part of
/// the bed that broke, or an actor that no longer answers.
/// </summary>
internal sealed class Supervisor(
    Fleet fleet, ReportLedger reports, LoadLedger load, HistoryWriter history, DateTimeOffset began, TimeSpan starvation,
    Task<string> siloLost)
{
    /// <summary>An actor that does not answer a report for so long is lost; reports need no lock, so nothing in the model can delay
    /// them.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(20);

    /// <summary>All actors' histories are one stream: they are asked together.</summary>
    public const string ClusterStream = "cluster";

    /// <summary>How late the last report of a dead actor may come.</summary>
    private static readonly TimeSpan HistorySlack = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    private readonly HangDetector _detector = new((long)starvation.TotalMicroseconds, new MigrationParameters().RecoveryLimitMicroseconds);
    private readonly List<HangResult> _hangs = [];
    private readonly List<string> _lost = [];
    private readonly Lock _gate = new();
    private readonly OwnerWatch _owners = new();

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

    public bool MustStop =>
        reports.ViolationCount > 0 || Hangs.Count > 0 || ContactLost.Count > 0 || reports.Failures().Count > 0 || load.Failures.Count > 0;

    /// <summary>Observes until cancelled, calling <paramref name="afterEach"/> after every round; returns early when the run must
    /// stop.</summary>
    public async Task WatchAsync(Action afterEach, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await ObserveAsync(settled: false);
            afterEach();
            if (MustStop) return;
            try
            {
                await Task.Delay(Interval, stop);
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
        var roundBegan = load.NowMicroseconds;
        var hosts = fleet.Hosts.Select(host => AskAsync("a host", async () => (IReadOnlyList<ActorReport>)[await host.InspectAsync()]));
        var vms = fleet.Grains().Select(vm => AskAsync(vm.Key, async () => await vm.Grain.InspectAsync(settled)));
        var answers = (await Task.WhenAll(hosts.Concat(vms))).SelectMany(answer => answer).ToList();
        foreach (var report in answers)
        {
            reports.Update(report);
            Take(report);
            foreach (var last in report.LastOfOthers)
            {
                reports.Retire(last, hasMoved: true);
                Take(last);
            }
        }

        // Every actor has been asked since the round began. What was in flight on another path then arrives within the slack.
        var complete = roundBegan - (long)HistorySlack.TotalMicroseconds;
        history.Append(ClusterStream, [], complete);
        Judged(_owners.Judge(complete + StartUnixMicroseconds));
        LookForHangs(answers);
    }

    /// <summary>All reports have come: what has not been judged for want of an earlier one is judged now.</summary>
    /// <param name="isSettled">no migration was given up under way, so no guest may be left standing</param>
    public void JudgeTheRest(bool isSettled) => Judged(isSettled ? _owners.Settled() : _owners.Judge(long.MaxValue));

    /// <summary>A migration of a VM is over.</summary>
    public void MigrationEnded(VmMove move, MigrationInfo info) => _owners.Ended(
        move.Request.Setup.Vm, move.Request.Setup.Destination, info,
        (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
        (long)(TimeProvider.System.GetTimestamp() * (1e6 / TimeProvider.System.TimestampFrequency)));

    /// <summary>Takes what is new in a report, also in one that came by another way, such as a dead actor's last.</summary>
    public void Take(ActorReport report)
    {
        _owners.Take(report.GuestRuns);
        if (report.History.Count == 0) return;
        var startMicroseconds = StartUnixMicroseconds;
        var records = report.History.Select(entry => new HistoryRecord(
            entry.UnixMicroseconds - startMicroseconds, report.Silo, report.Actor, Enum.Parse<HistoryType>(entry.Type, ignoreCase: true),
            OperationKinds.TryFind(entry.Operation, out var kind) ? kind : OperationKind.None, new OperationId(entry.OperationId),
            entry.Value)).ToArray();
        history.Append(ClusterStream, records, long.MinValue);
    }

    private long StartUnixMicroseconds => (began - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private void Judged(IReadOnlyList<Violation> violations)
    {
        if (violations.Count > 0) reports.Violated(ClusterStream, violations);
    }

    private async Task<IReadOnlyList<ActorReport>> AskAsync(string who, Func<Task<IReadOnlyList<ActorReport>>> ask)
    {
        try
        {
            // A call to a dead silo may take until its time-out; the answer is not needed any more.
            var asked = ask();
            await Task.WhenAny(asked, siloLost).WaitAsync(AnswerTimeout);
            return asked.IsCompleted ? await asked : [];
        }
        catch (TimeoutException exception)
        {
            lock (_gate) _lost.Add($"{who} did not answer within {AnswerTimeout.TotalSeconds:0} s: {OneLine.Of(exception.Message)}");
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
        var progress = answers.ToDictionary(report => report.Actor, report => report.Counters.Progress);
        foreach (var hang in _detector.Observe(new HangObservation(load.NowMicroseconds, waits, live, progress)))
            lock (_gate)
                _hangs.Add(HangResult.From(hang));
    }
}
