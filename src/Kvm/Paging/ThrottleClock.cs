using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// When a vCPU has to sleep so that a migration converges. By percentage p, as QEMU's <c>cpu_throttle_timer_tick</c> and
/// <c>cpu_throttle_thread</c> (softmmu/cpu-throttle.c): after each timeslice of 10 ms of running, p / (1 - p) times 10 ms. By dirty limit,
/// as <c>dirtylimit_vcpu_execute</c> (softmmu/dirtylimit.c): In QEMU the vCPU sleeps when its dirty ring is full, and the measured rate
/// corrects the length of that sleep. Here the vCPU sleeps to the end of a window of about 100 ms in which it has dirtied its share. That
/// holds the rate from the first window on. A window begins with the first page that is dirtied after the last one, so a single second can
/// see one share more than the limit; limits of less than a page a window have longer windows. Time in which the vCPU is paused counts for
/// neither, as <c>QEMU_CLOCK_VIRTUAL_RT</c> stops with the VM.
/// </summary>
[CellContent]
public sealed class ThrottleClock
{
    /// <summary>CPU_THROTTLE_TIMESLICE_NS.</summary>
    public const long TimesliceMicroseconds = 10_000;

    public const long WindowMicroseconds = 100_000;

    private const long MicrosecondsPerSecond = 1_000_000;

    private VcpuThrottle _throttle;
    private bool _isSliceOver;
    private long _sliceEnd;
    private long _sleepEnd;
    private long _windowEnd;
    private long _dirtied;

    /// <summary>As it was set last.</summary>
    public VcpuThrottle Throttle => _throttle;

    /// <summary>Whether the vCPU is throttled at all; if not, no other member matters.</summary>
    public bool IsOn => _throttle != VcpuThrottle.None;

    /// <summary>Pages that may become dirty in a window, at least one.</summary>
    private long Share => Math.Max(1, _throttle.DirtyPagesPerSecond / (MicrosecondsPerSecond / WindowMicroseconds));

    /// <summary>Throttles so from now on; a sleep of the old throttle is over.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No vCPU can be throttled so.</exception>
    public void Set(VcpuThrottle throttle, long now)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(throttle.Percentage);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(throttle.Percentage, VcpuThrottle.PercentageMax);
        ArgumentOutOfRangeException.ThrowIfNegative(throttle.DirtyPagesPerSecond);
        _throttle = throttle;
        (_isSliceOver, _sliceEnd) = (false, now + TimesliceMicroseconds);
        (_sleepEnd, _windowEnd, _dirtied) = (now, now, 0);
    }

    /// <summary>The vCPU made a page dirty.</summary>
    public void PageDirtied(long now)
    {
        if (_throttle.DirtyPagesPerSecond == 0) return;
        if (now >= _windowEnd)
        {
            // As long as the share takes at the limit: a share is whole pages, so it is not always a tenth of a second.
            _windowEnd = now + (long)(Share * (double)MicrosecondsPerSecond / _throttle.DirtyPagesPerSecond);
            _dirtied = 0;
        }

        if (++_dirtied >= Share) _sleepEnd = Math.Max(_sleepEnd, _windowEnd);
    }

    /// <summary>Asked by the vCPU outside of the guest, and over again until it may go on.</summary>
    public bool MustSleep(long now)
    {
        if (_throttle.Percentage > 0 && !_isSliceOver && now >= _sliceEnd)
        {
            _isSliceOver = true;
            _sleepEnd = Math.Max(_sleepEnd, now + TimesliceMicroseconds * _throttle.Percentage / (100 - _throttle.Percentage));
        }

        if (now < _sleepEnd) return true;
        if (_isSliceOver) (_isSliceOver, _sliceEnd) = (false, now + TimesliceMicroseconds);
        return false;
    }

    /// <summary>Whether the vCPU's share of pages is used up: it is to leave the guest before it dirties another.</summary>
    public bool IsSpent(long now) => now < _sleepEnd;

    /// <summary>The vCPU was paused for so long; what was left of a sleep is still to be slept.</summary>
    public void WasPaused(long microseconds)
    {
        _sliceEnd += microseconds;
        _sleepEnd += microseconds;
        _windowEnd += microseconds;
    }
}

/// <summary>How a vCPU is slowed down so that a migration converges; <see cref="None"/> lets it run.</summary>
/// <param name="Percentage">QEMU's <c>cpu-throttle-percentage</c>: share of time that the vCPU sleeps, 0 to 99</param>
/// <param name="DirtyPagesPerSecond">QEMU's <c>vcpu-dirty-limit</c> in pages: no more pages than this become dirty in a second by this
/// vCPU; 0 for no limit</param>
public readonly record struct VcpuThrottle(int Percentage, long DirtyPagesPerSecond)
{
    public const int PercentageMax = 99;

    public static readonly VcpuThrottle None;
}

/// <summary>How a vCPU is slowed down, and what that has cost it.</summary>
/// <param name="Throttle">now</param>
/// <param name="SleptMicroseconds">for which it has slept under this throttle and all before it</param>
public readonly record struct ThrottleState(VcpuThrottle Throttle, long SleptMicroseconds);
