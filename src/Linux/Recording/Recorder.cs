using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>What to record.</summary>
/// <param name="Process">id of the process</param>
/// <param name="IsGuest">only the RAM of the virtual machine that it is</param>
/// <param name="Backend">how; null for the best that there is</param>
/// <param name="Interval">from one look to the next; null for what the back end keeps easily</param>
/// <param name="Time">how long; null until the process ends or it is stopped</param>
/// <param name="MaxSlowdown">how much longer the process's work may take, 1 for twice as long: intervals become longer where it would be
/// more; null for no limit</param>
public sealed record RecordRequest(
    int Process, bool IsGuest, RecordBackend? Backend, TimeSpan? Interval, TimeSpan? Time, double? MaxSlowdown = null);

/// <summary>How far a recording is.</summary>
/// <param name="Elapsed">since its first look</param>
/// <param name="Intervals">so far</param>
/// <param name="Pages">of the trace so far</param>
/// <param name="PageWrites">so far; a page counts once in each interval that writes it</param>
/// <param name="RecentPageWrites">in the last second or so</param>
/// <param name="RecentTime">how long that was</param>
/// <param name="RecentIntervals">in that time</param>
/// <param name="ProcessorTime">of this process since the first look</param>
/// <param name="Slowdown">how much longer the process's work took so far, by its faults and what one costs; null where looks cost it
/// none</param>
public sealed record RecordProgress(
    TimeSpan Elapsed, int Intervals, long Pages, long PageWrites, long RecentPageWrites, TimeSpan RecentTime, int RecentIntervals,
    TimeSpan ProcessorTime, double? Slowdown);

/// <summary>Why a recording is over.</summary>
public enum RecordEnd
{
    TimeIsOver,
    Stopped,
    ProcessEnded,

    /// <summary>The format has no room for more.</summary>
    Full,
}

/// <summary>
/// Records which pages a running process writes, from outside: it looks at every interval, on the thread that calls, until it is told to
/// stop or the process ends. The process is not harmed, whatever becomes of this one: see <see cref="Userfaultfd"/>.
/// </summary>
public sealed class Recorder : IDisposable
{
    private static readonly TimeSpan _usualInterval = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _compareInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _progressInterval = TimeSpan.FromSeconds(1);

    // How long Ctrl-C may take.
    private static readonly TimeSpan _stopPatience = TimeSpan.FromMilliseconds(100);

    private readonly RecordRequest _request;
    private readonly Pidfd _process;
    private readonly RecordedMemory _memory;
    private readonly RecordedIntervals _intervals;
    private readonly List<PageRun> _runs = [];
    private readonly List<string> _notes = [];
    private IWriteTracker _tracker;
    private ulong _stackStart;
    private long _faultsAtStart;

    private Recorder(RecordRequest request, Pidfd process, RecordedMemory memory)
    {
        (_request, _process, _memory) = (request, process, memory);
        Name = ProcessStatus.Of(request.Process)?.Name ?? "";
        _stackStart = ProcessStatus.Of(request.Process)?.StackStart ?? 0;
        _tracker = ChooseTracker();
        _intervals = new RecordedIntervals(memory);
        Interval = request.Interval ?? (Backend == RecordBackend.Compare ? _compareInterval : _usualInterval);
    }

    /// <summary>Of the process's program.</summary>
    public string Name { get; }

    public RecordBackend Backend => _tracker.Backend;

    /// <summary>What is recorded, for people.</summary>
    public string Memory => _memory.Description;

    /// <summary>From one look to the next, as it was asked for.</summary>
    public TimeSpan Interval { get; }

    /// <summary>What a user should know: why no better back end was taken, what is not recorded.</summary>
    public IReadOnlyList<string> Notes => _notes;

    public DateTimeOffset StartedAt { get; private set; }

    /// <summary>Finds the best way to see the process's writes.</summary>
    /// <exception cref="RecordingException">It cannot be recorded.</exception>
    public static Recorder Attach(RecordRequest request)
    {
        Pidfd process;
        try
        {
            process = new Pidfd(request.Process);
        }
        catch (SystemCallException exception)
        {
            throw new RecordingException(
                exception.Number == SystemCallException.NoSuchCall
                    ? "the kernel is older than 5.3 and has no descriptors of processes"
                    : "there is no such process; allowed: the number of one that runs", inner: exception);
        }

        try
        {
            return Guarded(request.Process, () => new Recorder(request, process, MemoryOf(request)));
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Records until it is over.</summary>
    /// <param name="begun">called when all that is written from now on is seen</param>
    /// <param name="show">told about once a second how far it is</param>
    /// <param name="stop">ends it in order</param>
    /// <exception cref="RecordingException">The process ended before there was anything, or cannot be looked into any more.</exception>
    public RecordOutcome Record(Action begun, Action<RecordProgress> show, CancellationToken stop)
    {
        var price = _tracker.CostsFaults ? FaultPrice.Measure() : 0;
        Guarded(_request.Process, () => { Arm(stop); return 0; });
        StartedAt = DateTimeOffset.UtcNow;
        var pace = new RecordingPace(_request, Interval, price);
        begun();
        var processorTime = Environment.CpuUsage.TotalTime;
        var (due, shown, shownWrites, shownIntervals) = (Interval, TimeSpan.Zero, 0L, 0);
        RecordEnd end;
        while (true)
        {
            var over = Wait(pace, due, stop);
            var now = pace.Elapsed;
            // What is written behind the last look is lost only where the process is.
            var isLast = over is RecordEnd.TimeIsOver or RecordEnd.Stopped && now - pace.LastLook > Interval;
            if (over is { } early && !isLast)
            {
                end = early;
                break;
            }

            if (isLast || pace.PutOff(_tracker, _intervals.Pages) is not { } later)
            {
                if (Look(pace, now, stop) is { } ended)
                {
                    end = ended;
                    break;
                }

                // A look that took longer than the interval is followed by the next at once, and none is made up for.
                var next = due + Interval * pace.Factor;
                due = next > pace.Elapsed ? next : pace.Elapsed;
            }
            else
            {
                due = pace.Elapsed + later;
            }

            if (isLast)
            {
                end = over!.Value;
                break;
            }

            if (now - shown < _progressInterval) continue;
            pace.Update();
            show(new RecordProgress(
                pace.Elapsed, _intervals.Count, _intervals.Pages, _intervals.PageWrites, _intervals.PageWrites - shownWrites, now - shown,
                _intervals.Count - shownIntervals, Environment.CpuUsage.TotalTime - processorTime, pace.Slowdown));
            (shown, shownWrites, shownIntervals) = (now, _intervals.PageWrites, _intervals.Count);
        }

        pace.End();
        _notes.AddRange(pace.Notes);
        return Outcome(end, pace, Environment.CpuUsage.TotalTime - processorTime);
    }

    public void Dispose()
    {
        _tracker.Dispose();
        _process.Dispose();
    }

    private static RecordedMemory MemoryOf(RecordRequest request)
    {
        if (ProcessMapping.Of(request.Process).Count == 0)
            throw ProcessStatus.Of(request.Process) is { HasEnded: false }
                ? new RecordingException("it is a thread of the kernel, without memory of its own; allowed: the number of a program")
                : new RecordingException("it has ended", isPassing: true);
        var memory = request.IsGuest ? GuestRam.Of(request.Process) : RecordedMemory.OfProcess;
        return memory.IsGuest && memory.Pages > DirtyPageTrace.MaxPages
            ? throw new RecordingException($"its guest has {memory.Pages} pages of RAM; allowed: at most {DirtyPageTrace.MaxPages}")
            : memory;
    }

    /// <summary>Errors of the system as what they mean here.</summary>
    private static T Guarded<T>(int process, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (exception is SystemCallException or UnauthorizedAccessException or IOException)
        {
            if (ProcessStatus.Of(process) is null or { HasEnded: true })
                throw new RecordingException("it has ended", isPassing: true, exception);
            var isRefused = exception is UnauthorizedAccessException
                || exception is SystemCallException { Number: SystemCallException.NotPermitted or SystemCallException.NoAccess };
            throw isRefused
                ? new RecordingException(AttachRefusal.Of(process).Reason, inner: exception)
                : new RecordingException(exception.Message, inner: exception);
        }
    }

    private IWriteTracker ChooseTracker()
    {
        var tried = new List<string>();
        foreach (var backend in Enum.GetValues<RecordBackend>())
        {
            if (_request.Backend is { } asked && asked != backend) continue;
            try
            {
                var tracker = Make(backend);
                if (tried.Count > 0) _notes.Add(string.Join("; ", tried));
                return tracker;
            }
            catch (BackendException exception)
            {
                tried.Add($"no {NameOf(backend)}: {exception.Message}");
                if (_request.Backend is not null)
                    throw new RecordingException(
                        $"{exception.Message}; allowed: another back end, or none, for the best that there is", inner: exception);
            }
        }

        throw new RecordingException($"there is no way to see its writes ({string.Join("; ", tried)})");
    }

    private IWriteTracker Make(RecordBackend backend) => backend switch
    {
        RecordBackend.WpAsync => new WpAsyncTracker(_process, _memory),
        RecordBackend.SoftDirty => new SoftDirtyTracker(_process, _memory),
        _ => new CompareTracker(_process, _memory),
    };

    /// <summary>As it stands in a trace.</summary>
    public static string NameOf(RecordBackend backend) => backend switch
    {
        RecordBackend.WpAsync => "wp-async",
        RecordBackend.SoftDirty => "soft-dirty",
        _ => "compare",
    };

    private void Arm(CancellationToken stop)
    {
        // Private pages of a file hold what the file does, until they are written.
        var files = _memory.IsGuest
            ? []
            : _memory.In(ProcessMapping.Of(_request.Process)).Where(mapping => !mapping.IsAnonymous)
                .Select(mapping => new PageRun(
                    (long)(mapping.Start / (ulong)RemoteMemory.PageSize), (long)(mapping.Bytes / (ulong)RemoteMemory.PageSize))).ToList();
        _intervals.Begin(_tracker.Arm(stop), files);
        _faultsAtStart = ProcessStatus.Of(_request.Process)?.MinorFaults ?? 0;
        // What was written while the memory was read belongs to no interval.
        _tracker.Collect(_runs);
    }

    /// <returns>why it is over; null when it is time for the next look</returns>
    private RecordEnd? Wait(RecordingPace pace, TimeSpan due, CancellationToken stop)
    {
        while (true)
        {
            if (stop.IsCancellationRequested) return RecordEnd.Stopped;
            var now = pace.Elapsed;
            if (_request.Time is { } time && now >= time && due > time) return RecordEnd.TimeIsOver;
            var left = due - now < _stopPatience ? due - now : _stopPatience;
            if (_process.WaitForEnd(left)) return RecordEnd.ProcessEnded;
            if (pace.Elapsed >= due) return null;
        }
    }

    /// <returns>why it is over; null when it goes on</returns>
    private RecordEnd? Look(RecordingPace pace, TimeSpan now, CancellationToken stop)
    {
        pace.ReadTime();
        if (!TryCollect(stop)) return RecordEnd.ProcessEnded;
        var pages = _intervals.Pages;
        if (!_intervals.TryAdd((long)now.TotalMicroseconds, _runs)) return RecordEnd.Full;
        // A page that is new is a page fault of the process's own.
        pace.Looked(now, _runs.Pages() - (_intervals.Pages - pages));
        return null;
    }

    /// <returns>false where the process has ended</returns>
    private bool TryCollect(CancellationToken stop)
    {
        try
        {
            if (ProcessStatus.Of(_request.Process) is not { HasEnded: false } status) return false;
            if (status.StackStart != _stackStart && status.StackStart != 0)
            {
                if (_memory.IsGuest) return false;
                Follow(status, stop);
            }

            _tracker.Collect(_runs);
            return true;
        }
        catch (Exception exception) when (exception is SystemCallException or IOException or UnauthorizedAccessException)
        {
            // Between its last look and this one its memory went.
            if (_process.WaitForEnd(TimeSpan.FromMilliseconds(100)) || ProcessStatus.Of(_request.Process) is not { HasEnded: false })
                return false;
            return Guarded<bool>(_request.Process, () => throw exception);
        }
    }

    /// <summary>It runs another program now (exec), in memory that is new.</summary>
    private void Follow(ProcessStatus status, CancellationToken stop)
    {
        _tracker.Dispose();
        _tracker = Make(_tracker.Backend);
        _stackStart = status.StackStart;
        _notes.Add($"it went on as '{status.Name}' (exec), which is recorded too");
        _ = _tracker.Arm(stop);
    }

    private RecordOutcome Outcome(RecordEnd end, RecordingPace pace, TimeSpan processorTime)
    {
        var faults = (ProcessStatus.Of(_request.Process)?.MinorFaults ?? 0) - _faultsAtStart;
        if (_intervals.Count == 0)
            throw new RecordingException(
                end == RecordEnd.ProcessEnded
                    ? "it ended before the first interval was over"
                    : "it was stopped before the first interval was "
                    + "over", isPassing: true);
        if (end != RecordEnd.ProcessEnded && ProcessStatus.ChildrenOf(_request.Process) is { Count: > 0 } children)
            _notes.Add($"it started {(children.Count == 1 ? "another process" : $"{children.Count} other processes")} "
                + $"({string.Join(", ", children.Take(5))}), which {(children.Count == 1 ? "is" : "are")} not recorded");
        return new RecordOutcome(
            end, _intervals, Name, NameOf(Backend), Memory, StartedAt, Interval, pace.Longest, processorTime, Math.Max(0, faults),
            _tracker.InjectedMicroseconds, pace.FaultMicroseconds, pace.Slowdown,
            end == RecordEnd.ProcessEnded ? pace.SinceLook : TimeSpan.Zero);
    }
}
