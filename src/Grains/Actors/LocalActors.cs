using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Livebed.Grains.Placement;
using Orleans.Metadata;

namespace Livebed.Grains.Actors;

/// <summary>The actors that live on this silo, whichever run made them. A silo that outlives a run ends what the run has left.</summary>
internal sealed class LocalActors : IConfigureGrainContextProvider, IConfigureGrainContext
{
    /// <summary>Those that ask others go first: guests, then VMs, then the hosts that both need.</summary>
    private static readonly ActorRole[][] Order = [[ActorRole.Vcpu], [ActorRole.Vm], [ActorRole.Host, ActorRole.Inventory]];

    private readonly ConcurrentDictionary<ActivationId, (ActorRole Role, IGrainContext Context)> _actors = new();

    public int Count => _actors.Count;

    public int CountOf(ActorRole role) => _actors.Values.Count(actor => actor.Role == role);

    public bool TryGetConfigurator(
        GrainType grainType, GrainProperties properties, [NotNullWhen(true)] out IConfigureGrainContext? configurator)
    {
        configurator = this;
        return true;
    }

    public void Configure(IGrainContext context)
    {
        if (!ActorKeys.TryParse(context.GrainId.Key.ToString(), out var actor) || actor.Role == ActorRole.SiloProbe) return;
        _actors[context.ActivationId] = (actor.Role, context);
        _ = context.Deactivated.ContinueWith(
            _ => _actors.TryRemove(context.ActivationId, out var _), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default);
    }

    /// <summary>Ends all actors; what they do is given up.</summary>
    /// <param name="reason">for the log</param>
    /// <param name="patience">how long it may take</param>
    /// <returns>false when some are left</returns>
    public async Task<bool> EndAllAsync(string reason, TimeSpan patience)
    {
        using var over = new CancellationTokenSource(patience);
        try
        {
            // A call that was on its way may make one more.
            while (!_actors.IsEmpty)
                foreach (var roles in Order)
                    await Task.WhenAll(_actors.Values.Where(actor => roles.Contains(actor.Role)).Select(actor =>
                    {
                        actor.Context.Deactivate(
                            new DeactivationReason(DeactivationReasonCode.ApplicationRequested, reason), over.Token);
                        return actor.Context.Deactivated;
                    })).WaitAsync(over.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return _actors.IsEmpty;
        }
    }
}
