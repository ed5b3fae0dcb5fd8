using System.Diagnostics;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// Open-loop load of one kind: operations are due at random times (a Poisson process of the given rate) whether or not earlier ones have
/// ended, and latency counts from the time at which one was due. What cannot start, because too many are under way or nothing can take
/// it, is counted and never made up for; so is what the loop itself came too late for.
/// </summary>
internal sealed class OpenLoop(IOperationSource source, int inFlightMax, SeededRandom random, OperationIds ids, LoadLedger ledger)
{
    private readonly HashSet<Task> _inFlight = [];
    private readonly Lock _gate = new();
    private readonly SlowTail _tail = new(TimeProvider.System);

    /// <summary>Starts operations until cancelled; those under way are left to <see cref="DrainAsync"/>.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        var dueSeconds = 0.0;
        while (!stop.IsCancellationRequested && !source.IsDone)
        {
            dueSeconds += -Math.Log(1 - random.NextDouble()) / source.Rate;
            var early = TimeSpan.FromSeconds(dueSeconds) - Stopwatch.GetElapsedTime(began);
            if (early > TimeSpan.Zero)
            {
                try
                {
                    await Task.Delay(early, stop);
                }
                catch (OperationCanceledException)
                {
                    break;
                }
            }

            Start(began + (long)(dueSeconds * Stopwatch.Frequency));
        }

        // At a rate that the loop cannot keep up with, it never got to what was due last.
        var missed = (long)((Stopwatch.GetElapsedTime(began).TotalSeconds - dueSeconds) * source.Rate);
        if (missed > 0 && !source.IsDone) ledger.NotStarted(source.Name, missed);
    }

    /// <summary>An operation that is due now, whatever the rate.</summary>
    public async Task RunNowAsync(PreparedOperation operation)
    {
        var task = RunOneAsync(operation, Stopwatch.GetTimestamp());
        lock (_gate) _inFlight.Add(task);
        await task;
        lock (_gate) _inFlight.Remove(task);
    }

    /// <summary>Waits for those under way until <paramref name="over"/> completes; returns how many have not ended.</summary>
    public async Task<int> DrainAsync(Task over)
    {
        Task[] waiting;
        lock (_gate) waiting = [.. _inFlight];
        await Task.WhenAny(Task.WhenAll(waiting), over);
        return waiting.Count(task => !task.IsCompleted);
    }

    private void Start(long due)
    {
        lock (_gate)
        {
            if (_inFlight.Count >= inFlightMax)
            {
                ledger.NotStarted(source.Name);
                return;
            }
        }

        if (source.Prepare(random) is not { } operation)
        {
            ledger.NotStarted(source.Name);
            return;
        }

        var task = RunOneAsync(operation, due);
        lock (_gate) _inFlight.Add(task);
        _ = task.ContinueWith(done =>
        {
            lock (_gate) _inFlight.Remove(done);
        }, TaskScheduler.Default);
    }

    private async Task RunOneAsync(PreparedOperation prepared, long due)
    {
        var op = new Operation(ids.Next(), prepared.Kind);
        var late = (long)Stopwatch.GetElapsedTime(due).TotalMicroseconds;
        ledger.Started(source.Name);
        ledger.Record(op, HistoryType.Invoke, null);
        OperationResult result;
        using (var span = LivebedTelemetry.StartOperation(prepared.Kind, op.Id, late, prepared.Subject))
        {
            try
            {
                result = await prepared.RunAsync(OperationMessage.From(op));
            }
            catch (Exception exception) when (GrainCall.IsLost(exception))
            {
                // At most once and no answer: it may have happened, it may not.
                result = new OperationResult(HistoryType.Info, exception.GetType().Name);
                ledger.Unknown(prepared.Kind, exception);
            }
            catch (Exception exception)
            {
                result = new OperationResult(HistoryType.Info, exception.Message);
                ledger.Broken(prepared.Kind, exception);
            }

            span.Outcome = result.Type switch
            {
                HistoryType.Ok => OperationOutcome.Ok,
                HistoryType.Fail => OperationOutcome.Fail,
                _ => OperationOutcome.Info,
            };
            span.IsInTail = _tail.Holds(prepared.Kind, (long)Stopwatch.GetElapsedTime(due).TotalMicroseconds);
        }

        prepared.Done?.Invoke();
        ledger.Record(op, result.Type, result.Value);
        if (result.Type != HistoryType.Info)
            ledger.Completed(source.Name, op, (long)Stopwatch.GetElapsedTime(due).TotalMicroseconds, result.Value);
    }
}
