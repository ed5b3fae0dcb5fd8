using System.Collections.Concurrent;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;

namespace Livebed.Grains.Hosting;

/// <summary>Which silos a driver has killed and not started again. Safe from any thread.</summary>
public sealed class SiloFates
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _falls = new(StringComparer.Ordinal);

    public bool IsDown(string silo) => FallOf(silo).IsCompleted;

    /// <summary>Completes when the silo falls; completed while it is down.</summary>
    public Task FallOf(string silo) => _falls.GetOrAdd(silo, _ => New()).Task;

    public void Fell(string silo) => _falls.GetOrAdd(silo, _ => New()).TrySetResult();

    public void IsBack(string silo) => _falls[silo] = New();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// Gives up the driver's calls to a silo that it kills. Orleans would wait for each until its time-out: the request is on its way, and only
/// the dead silo knows it.
/// </summary>
/// <param name="fates">which are dead</param>
/// <param name="placement">of the run</param>
/// <param name="silos">of the run</param>
internal sealed class KilledSiloFilter(SiloFates fates, PlacementMode placement, int silos) : IOutgoingGrainCallFilter
{
    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        if (!ActorKeys.TryParse(context.TargetId.Key.ToString(), out var actor) || actor.Role == ActorRole.Inventory)
        {
            await context.Invoke();
            return;
        }

        var silo = ActorKeys.Silo(PlacementPolicy.SiloIndex(actor, placement, silos));
        var fall = fates.FallOf(silo);
        if (fall.IsCompleted) throw new SiloKilledException(silo);
        var call = context.Invoke();
        if (!call.IsCompleted && await Task.WhenAny(call, fall) == fall)
        {
            _ = call.ContinueWith(late => late.Exception, TaskContinuationOptions.OnlyOnFaulted);
            throw new SiloKilledException(silo);
        }

        await call;
    }
}
