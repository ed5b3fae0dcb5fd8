using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Moves a <see cref="RunningClock"/>, one for each silo and one for the driver. Each beat has to wait for a timer and then for its turn
/// in the thread pool, as every actor has.
/// </summary>
/// <param name="clock">told of each beat</param>
/// <param name="time">the monotonic clock and the timer; only tests have another than the system's</param>
public sealed class Heartbeat(RunningClock clock, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMicroseconds(RunningClock.IntervalMicroseconds);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            clock.Beat(time.MonotonicMicroseconds());
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            // The pool serves timers first; what it gives to everything else is a turn in its common queue.
            await Task.Yield();
        }
    }
}
