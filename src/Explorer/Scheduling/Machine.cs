using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// A machine of the world. Where machines may die, a call to one is a lane of its own there. The call continues when the caller's machine
/// dies. The caller continues without an answer when the called machine dies. When a machine dies its lanes stop for good where they are,
/// with all that they hold. A message in flight is on neither machine: a request arrives although its sender has died, unless the receiver
/// has died too; an answer that has been given arrives. A machine that stands still until it is given up has waited too long for its own
/// calls as well, and goes on without their answers. Where machines do not die a call is a step of its caller.
/// </summary>
public sealed class Machine
{
    private readonly VirtualWorld _world;
    private readonly bool _mayDie;
    private readonly TrackedList<(Lane Lane, Latch Answered)> _calls;
    private readonly TrackedList<Wait> _waits;
    private Tracked<bool> _isDead;
    private Tracked<Pause?> _pause;

    internal Machine(VirtualWorld world, string name, bool mayDie)
    {
        (_world, Name, _mayDie) = (world, name, mayDie);
        var place = new Place(world);
        (_calls, _isDead) = (new TrackedList<(Lane Lane, Latch Answered)>(place), new Tracked<bool>(place));
        (_waits, _pause) = (new TrackedList<Wait>(world), new Tracked<Pause?>(place));
    }

    public string Name { get; }

    public bool IsDead => _isDead.Value;

    /// <summary>It stands still: none of its lanes makes a step.</summary>
    public bool IsPaused => _pause.Value is not null;

    /// <summary>Another machine answers for it, which knows nothing of what is here: it is dead, or stands still and was given
    /// up.</summary>
    public bool IsReplaced => IsDead || _pause.Value is { IsGivenUp: true };

    /// <summary>Adds a lane that runs on this machine.</summary>
    public Lane Spawn(string name, Func<ValueTask> body)
    {
        var lane = _world.Spawn(name, body);
        lane.Machine = this;
        return lane;
    }

    /// <summary>The lane that runs now goes on here, when the machine does, and dies with it. False when that is dead.</summary>
    public async ValueTask<bool> TryEnterAsync()
    {
        if (_pause.Value is { } pause) await pause.Over;
        _world.Current!.Machine = this;
        return !IsDead;
    }

    /// <summary>Makes a call to this machine.</summary>
    /// <param name="op">the operation</param>
    /// <param name="what">for the name of its lane</param>
    /// <param name="lost">the result when no answer comes</param>
    /// <param name="call">what it does here, for the operation as it arrives here: where the call is a lane of its own, the caller may go
    /// on without it</param>
    public async ValueTask<T> CallAsync<T>(Operation op, string what, T lost, Func<Operation, ValueTask<T>> call)
    {
        // What is looked at when all is over is one step, in which no lane can be waited for.
        if (_world.Current is null) return IsDead ? lost : await call(op);
        if (!_mayDie)
        {
            await _world.PointAsync(SchedulingPoint.Call);
            return await call(op);
        }

        // As it is sent, whatever its caller does before it arrives.
        var sent = op.Context;
        var answer = new TrackedAnswer<T>(_world, lost);
        var answered = new Latch(_world);
        _world.SpawnOnTheWay($"{Name} {what}", ArriveAsync);
        if (_world.Current.Machine is not { } caller)
        {
            await answered;
            return answer.Value;
        }

        var wait = new Wait(_world, answered);
        caller._waits.Add(wait);
        await answered;
        caller._waits.RemoveAll(other => other == wait);
        return wait.IsGivenUp ? lost : answer.Value;

        async ValueTask ArriveAsync()
        {
            if (_pause.Value is { } pause)
            {
                if (pause.IsGivenUp) answered.Complete();
                await pause.Over;
            }

            if (!IsDead)
            {
                var entry = (_world.Current!, answered);
                _calls.Add(entry);
                _world.Current!.Machine = this;
                answer.Value = await call(Operation.From(sent));
                _calls.RemoveAll(other => other == entry);
                _world.Current!.Machine = null;
                await _world.PointAsync(SchedulingPoint.Call);
            }

            answered.Complete();
        }
    }

    /// <summary>It dies, with every lane that is on it.</summary>
    internal void Die()
    {
        _world.Footprints?.WriteEverything();
        _isDead.Value = true;
        _world.StopLanes(this);
        foreach (var (_, answered) in _calls) answered.Complete();
        _calls.Clear();
    }

    /// <summary>It stands still, with every lane that is on it, until <see cref="GoOn"/>. What arrives meanwhile waits.</summary>
    /// <param name="isGivenUp">callers stop waiting for answers, those that come meanwhile too, and another machine answers for it; what
    /// they asked is done all the same when it goes on. What it has asked itself gets no answer, and is done as well</param>
    internal void StandStill(bool isGivenUp)
    {
        _world.Footprints?.WriteEverything();
        _pause.Value = new Pause(new Latch(_world), isGivenUp);
        _world.HoldLanes(this);
        if (!isGivenUp) return;
        foreach (var (_, answered) in _calls) answered.Complete();
        foreach (var wait in _waits) wait.GiveUp();
    }

    /// <summary>It goes on where it stood.</summary>
    internal void GoOn()
    {
        if (_pause.Value is not { } pause) return;
        _world.Footprints?.WriteEverything();
        _pause.Value = null;
        _world.ReleaseLanes(this);
        pause.Over.Complete();
    }

    private sealed record Pause(Latch Over, bool IsGivenUp);

    /// <summary>A lane of this machine waits for an answer.</summary>
    private sealed class Wait(VirtualWorld world, Latch answered)
    {
        private Tracked<bool> _isGivenUp = new(world);

        public bool IsGivenUp => _isGivenUp.Value;

        public void GiveUp()
        {
            _isGivenUp.Value = true;
            answered.Complete();
        }
    }

    /// <summary>Of a call that is a lane of its own: the lane writes it, the caller reads it.</summary>
    private sealed class TrackedAnswer<T>(VirtualWorld world, T lost)
    {
        private Tracked<T> _value = new(world, lost);

        public T Value
        {
            get => _value.Value;
            set => _value.Value = value;
        }
    }
}
