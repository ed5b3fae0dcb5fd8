using System.Collections.Concurrent;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Where the actors of one silo put their names when they have something to tell, so that the driver asks silos and not actors. An actor
/// whose name is not on the board has nothing new since its last report, nothing under way, and no wait. One for each silo; safe from any
/// thread.
/// </summary>
internal sealed class SiloBoard
{
    private readonly ConcurrentQueue<BoardEntry> _listed = new();
    private readonly ConcurrentDictionary<BoardEntry, bool> _all = new();

    /// <summary>Names on the board now.</summary>
    public int ListedCount => _listed.Count;

    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out BoardEntry? entry) => _listed.TryDequeue(out entry);

    /// <summary>Puts all names on the board.</summary>
    public void ListAll()
    {
        foreach (var (entry, _) in _all) entry.Changed();
    }

    /// <summary>The actors are gone, however they went: none is asked any more.</summary>
    public void Clear()
    {
        foreach (var (entry, _) in _all) entry.Leave();
        _listed.Clear();
    }

    internal void List(BoardEntry entry) => _listed.Enqueue(entry);

    internal void Join(BoardEntry entry) => _all[entry] = true;

    internal void Leave(BoardEntry entry) => _all.TryRemove(entry, out _);
}

/// <summary>
/// One actor's place on the board of its silo. Whatever changes in an actor says so here; it costs a look while the name is on the board.
/// Confined to the actor's turns, except for <see cref="Changed"/> and <see cref="ReportAsync"/>.
/// </summary>
/// <param name="actor">its key</param>
/// <param name="board">of its silo</param>
internal sealed class BoardEntry(string actor, SiloBoard board)
{
    private TaskScheduler? _turns;
    private Func<long, ActorReport>? _report;
    private int _isListed;
    private int _underWay;
    private volatile bool _isGone;

    public string Actor { get; } = actor;

    /// <summary>It has told its last news by another way.</summary>
    public bool IsGone => _isGone;

    /// <summary>The actor can be asked from now on, on the turns on which this is called.</summary>
    public void Join(Func<long, ActorReport> report)
    {
        (_turns, _report) = (TaskScheduler.Current, report);
        board.Join(this);
        Changed();
    }

    /// <summary>The actor is gone; no report is asked for any more.</summary>
    public void Leave()
    {
        _isGone = true;
        board.Leave(this);
    }

    /// <summary>There is news.</summary>
    public void Changed()
    {
        if (Volatile.Read(ref _isListed) != 0 || _turns is null || Interlocked.Exchange(ref _isListed, 1) != 0) return;
        board.List(this);
    }

    /// <summary>Something begins that may wait or count without a further word: until its end there is news at any time.</summary>
    public void Begins()
    {
        _underWay++;
        Changed();
    }

    public void Ends()
    {
        _underWay--;
        Changed();
    }

    /// <summary>Asks on the actor's turns, after its name was taken off the board; null of one that is gone.</summary>
    public Task<ActorReport?> ReportAsync(long measuredFrom) => Task.Factory.StartNew(
        () => Report(measuredFrom), CancellationToken.None, TaskCreationOptions.DenyChildAttach, _turns!);

    private ActorReport? Report(long measuredFrom)
    {
        // First, so that what changes from here on puts the name on the board again.
        Interlocked.Exchange(ref _isListed, 0);
        if (_isGone) return null;
        var report = _report!(measuredFrom);
        if (_underWay > 0 || report.Waits.Count > 0 || report.LiveOperations.Count > 0) Changed();
        return report;
    }
}

/// <summary>
/// Collects for the driver what is on a silo's board: in one call as many reports as a message takes, and in as many calls as it needs all
/// that was on the board when a round began. An actor that does not answer holds up no other. Calls come one after the other.
/// </summary>
/// <param name="board">of the silo</param>
/// <param name="telemetry">of the silo</param>
/// <param name="wait">after so long an answer goes without those that have not come</param>
internal sealed class BoardReader(SiloBoard board, SiloTelemetry telemetry, TimeSpan wait)
{
    /// <summary>Reports of one answer: some megabytes at most.</summary>
    private const int ReportsMax = 1_000;

    private const int NamesMax = 16;

    private readonly List<(BoardEntry Entry, Task<ActorReport?> Report)> _asked = [];
    private int _left;

    public async Task<BoardReport> CollectAsync(CollectKind kind, long measuredFrom)
    {
        if (kind == CollectKind.All) board.ListAll();
        if (kind != CollectKind.Rest) _left = board.ListedCount;
        for (; _left > 0 && _asked.Count < ReportsMax && board.TryTake(out var entry); _left--)
            _asked.Add((entry, entry.ReportAsync(measuredFrom)));
        var all = Task.WhenAll(_asked.Select(one => one.Report));
        if (!all.IsCompleted) await Task.WhenAny(all, Task.Delay(wait, telemetry.Time));
        var reports = new List<ActorReport>(_asked.Count);
        var failed = new List<string>();
        foreach (var (entry, report) in _asked)
        {
            if (report.IsCompletedSuccessfully && report.Result is { } told) reports.Add(told);
            else if (report.Exception?.InnerException is { } failure)
                failed.Add($"{entry.Actor} gave no report: {failure.GetType().Name}: {failure.Message}");
        }

        _asked.RemoveAll(one => one.Report.IsCompleted || one.Entry.IsGone);
        return new BoardReport(
            telemetry.Silo, telemetry.Running.Read(), telemetry.Latencies.Report(measuredFrom), reports, _left + _asked.Count,
            [.. _asked.Take(NamesMax).Select(one => one.Entry.Actor)], [.. failed.Take(NamesMax)]);
    }
}

/// <summary>The board of its silo for the driver, which has one round at a time.</summary>
[LivebedPlacement, GrainType("silo-board"), Reentrant, KeepAlive]
internal sealed class BoardGrain(SiloBoard board, SiloTelemetry telemetry) : Grain, IBoardGrain
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    private readonly BoardReader _reader = new(board, telemetry, Wait);

    public async ValueTask<BoardReport> CollectAsync(CollectKind kind, long measuredFrom) => await _reader.CollectAsync(kind, measuredFrom);
}
