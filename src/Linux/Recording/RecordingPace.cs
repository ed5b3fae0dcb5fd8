using System.Diagnostics;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// When a recording looks again. It has the interval that was asked for, unless that costs the process too much: <see cref="Forbearance"/>
/// where the machine has no room, <see cref="SlowdownLimit"/> where page faults are dear or many.
/// </summary>
internal sealed class RecordingPace
{
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(1);

    private readonly int _process;
    private readonly TimeSpan _interval;
    private readonly TargetTime _began;
    private readonly Forbearance? _forbearance;
    private readonly SlowdownLimit? _limit;
    private readonly bool _isLimited;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TargetTime _time;
    private bool _isPutOff;

    /// <param name="request">what is recorded</param>
    /// <param name="interval">from one look to the next</param>
    /// <param name="faultMicroseconds">what a page fault costs; 0 where looks cost none</param>
    public RecordingPace(RecordRequest request, TimeSpan interval, double faultMicroseconds)
    {
        (_process, _interval) = (request.Process, interval);
        _forbearance = request.Interval is null ? new Forbearance(_process) : null;
        _limit = faultMicroseconds > 0 ? new SlowdownLimit(request.MaxSlowdown ?? double.MaxValue, faultMicroseconds) : null;
        _isLimited = request.MaxSlowdown is not null;
        _began = TargetTime.Of(_process, TimeSpan.Zero);
    }

    public TimeSpan Elapsed => _clock.Elapsed;

    public TimeSpan LastLook { get; private set; }

    /// <summary>From the last look to the end.</summary>
    public TimeSpan SinceLook { get; private set; }

    /// <summary>The longest interval that there was.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>How many times as long an interval is as it was asked for, on a machine without room.</summary>
    public double Factor => _forbearance?.Factor ?? 1;

    public double? FaultMicroseconds => _limit?.FaultMicroseconds;

    /// <summary>Of the process so far; null where looks cost it nothing.</summary>
    public double? Slowdown => _limit?.Slowdown(_time);

    public IEnumerable<string> Notes => ((string?[])[_forbearance?.Note, _limit?.Note(Slowdown ?? 0, Longest)]).OfType<string>();

    /// <summary>Whether the look that is due has to wait, and how long.</summary>
    /// <param name="tracker">counts what was written since the last look</param>
    /// <param name="known">pages that looks have found so far: what is new beside them was never protected, and costs nothing</param>
    public TimeSpan? PutOff(IWriteTracker tracker, long known)
    {
        if (_limit is null || !_isLimited) return null;
        if (Elapsed - LastLook >= SlowdownLimit.LongestInterval) return null;
        ReadTime();
        if (_limit.Owed(_time) <= 0 && !TryCount(tracker, known)) return null;
        if (_limit.Owed(_time) is not (> 0 and var owed)) return null;
        _isPutOff = true;
        var wait = TimeSpan.FromMicroseconds(Math.Min(owed, _longestWait.TotalMicroseconds));
        return wait > _interval ? wait : _interval;
    }

    /// <returns>false where the process has ended, as the look will find</returns>
    private bool TryCount(IWriteTracker tracker, long known)
    {
        try
        {
            _limit!.Count(Math.Min(tracker.CountWritten(), known));
            return true;
        }
        catch (Exception exception) when (exception is SystemCallException or IOException)
        {
            return false;
        }
    }

    /// <param name="at">when</param>
    /// <param name="faults">that the look before it cost the process</param>
    public void Looked(TimeSpan at, long faults)
    {
        Longest = at - LastLook > Longest ? at - LastLook : Longest;
        LastLook = at;
        _limit?.Looked(faults, _isPutOff, _time);
        _isPutOff = false;
    }

    /// <summary>The recording is over, perhaps before a look that was put off.</summary>
    public void End()
    {
        SinceLook = Elapsed - LastLook;
        if (_isPutOff) _limit?.PutOffToTheEnd();
        _isPutOff = false;
    }

    /// <summary>About once a second.</summary>
    public void Update() => _forbearance?.Update();

    /// <summary>Right before a look, so that what it finds happened in that time.</summary>
    public void ReadTime()
    {
        var now = TargetTime.Of(_process, Elapsed) - _began;
        // One that has ended says nothing any more.
        if (now.Ran >= _time.Ran) _time = now;
    }
}
