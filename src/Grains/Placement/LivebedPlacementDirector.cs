using Microsoft.Extensions.Options;
using Orleans.Runtime.Placement;

namespace Livebed.Grains.Placement;

/// <summary>
/// Maps a silo index of <see cref="PlacementPolicy"/> to a silo: the compatible silos by name, and around again when there are fewer than
/// the index says, which is also what happens to the actors of a silo that died. A probe is the exception: on any other silo it would
/// report about the wrong one, so it fails when its silo is not there. One instance serves all threads of a silo; it has no state.
/// </summary>
public sealed class LivebedPlacementDirector(IClusterMembershipService membership, IOptions<LivebedPlacementOptions> options)
    : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var compatible = context.GetCompatibleSilos(target);

        // A live move names its destination; that is Orleans' own contract for directors.
        if (IPlacementDirector.GetPlacementHint(target.RequestContextData, compatible) is { } hint) return Task.FromResult(hint);

        var key = target.GrainIdentity.Key.ToString() ?? string.Empty;
        if (!ActorKeys.TryParse(key, out var actor))
            throw new OrleansException($"grain {target.GrainIdentity} has a key that names no actor, so it has no place");

        var names = membership.CurrentSnapshot.Members;
        string NameOf(SiloAddress silo) => names.TryGetValue(silo, out var member) ? member.Name : string.Empty;
        if (actor.Role == ActorRole.SiloProbe)
        {
            var own = Array.Find(compatible, silo => NameOf(silo) == key);
            return Task.FromResult(own ?? throw new SiloUnavailableException($"{key} is no member of the cluster"));
        }

        var run = options.Value;
        if (run.IsFixed && actor.Role != ActorRole.Inventory)
        {
            var home = ActorKeys.Silo(PlacementPolicy.SiloIndex(actor, run.Mode, run.Silos));
            var own = Array.Find(compatible, silo => NameOf(silo) == home);
            return Task.FromResult(own ?? throw new SiloUnavailableException($"{key} is on {home}, which is no member of the cluster"));
        }

        if (run.Silos > 0)
        {
            var name = PlacementPolicy.SiloName(
                actor, run.Mode, run.Silos, silo => !run.Leaving.Contains(silo) && compatible.Any(own => NameOf(own) == silo));
            if (name is not null) return Task.FromResult(compatible.First(silo => NameOf(silo) == name));
        }

        var ordered = compatible.OrderBy(NameOf, SiloOrder.ByName).ThenBy(silo => silo).ToArray();
        return Task.FromResult(ordered[PlacementPolicy.SiloIndex(actor, run.Mode, ordered.Length)]);
    }
}
