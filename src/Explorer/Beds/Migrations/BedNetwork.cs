using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>
/// The network between user spaces and the inventory, where it delivers some calls twice, as one does whose sender repeats what it heard no
/// answer to. The two arrive in any order and at any distance, each is carried out, and the caller takes the answer that comes first.
/// </summary>
/// <param name="world">the world</param>
/// <param name="seed">decides which calls, and how far the second is behind at least; 0 for a network that delivers each call once</param>
internal sealed class BedNetwork(VirtualWorld world, ulong seed)
{
    private const double Share = 0.3;

    /// <summary>About as long as a migration of a scene takes.</summary>
    private const int LateMax = 200;

    private Tracked<int> _calls = new(world);

    /// <summary>Makes a call, once or twice.</summary>
    /// <param name="op">the operation; each delivery has its own, as it crosses machines</param>
    /// <param name="call">what is carried out at each delivery</param>
    public ValueTask<T> CallAsync<T>(Operation op, Func<Operation, ValueTask<T>> call)
    {
        if (!DrawTwice(out var late)) return call(op);
        var sent = op.Context;
        return TwiceAsync(() => call(Operation.From(sent)), late);
    }

    /// <summary>The same of a call that is made for no operation.</summary>
    public ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call) => DrawTwice(out var late) ? TwiceAsync(call, late) : call();

    private bool DrawTwice(out long late)
    {
        late = 0;

        // What is looked at when all is over is one step, in which nothing can be waited for.
        if (seed == 0 || world.Current is null) return false;
        var random = new SeededRandom(seed).Fork((ulong)_calls.Value++);
        if (!random.Chance(Share)) return false;
        if (random.Chance(0.5)) late = random.Next(LateMax);
        return true;
    }

    private async ValueTask<T> TwiceAsync<T>(Func<ValueTask<T>> call, long late)
    {
        var both = new Deliveries<T>(world);
        world.Spawn("a call", () => both.DeliverAsync(call, 0));
        world.Spawn("the same call again", () => both.DeliverAsync(call, late));
        world.Reached(ReachedCase.CallRepeated);
        return await both.FirstAnswerAsync();
    }

    private sealed class Deliveries<T>(VirtualWorld world)
    {
        private readonly Latch _answered = new(world);
        private Tracked<T?> _answer = new(world);

        public async ValueTask DeliverAsync(Func<ValueTask<T>> call, long late)
        {
            if (late > 0) await world.DelayAsync(late);
            var answer = await call();
            if (_answered.IsCompleted) return;
            _answer.Value = answer;
            _answered.Complete();
        }

        public async ValueTask<T> FirstAnswerAsync()
        {
            await _answered;
            return _answer.Value!;
        }
    }
}
