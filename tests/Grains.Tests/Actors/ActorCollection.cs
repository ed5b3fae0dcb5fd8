using Livebed.Grains.Placement;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Two clusters for all tests of actors, each started when the first test wants it: one that spreads VMs over three silos, one
/// that packs them. Tests run one after another, for their guests take all the time they can get.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ActorCollection : ICollectionFixture<ActorCollection.Clusters>
{
    public const string Name = "actors";

    public sealed class Clusters : IAsyncLifetime
    {
        private readonly Dictionary<PlacementMode, ActorBed> _beds = [];

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            foreach (var bed in _beds.Values) await bed.DisposeAsync();
        }

        internal async Task<ActorBed> BedAsync(PlacementMode placement)
        {
            if (!_beds.TryGetValue(placement, out var bed))
                _beds[placement] = bed = await ActorBed.StartAsync(placement, silos: placement == PlacementMode.Spread ? 3 : 2);
            return bed;
        }
    }
}
