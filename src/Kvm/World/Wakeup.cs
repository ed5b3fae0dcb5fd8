namespace Livebed.Kvm.World;

/// <summary>Ends a sleep of <see cref="IWorld.SleepAsync"/> before its time, as a wake-up of a halted vCPU does (<c>kvm_vcpu_kick</c> in
/// virt/kvm/kvm_main.c). There is one sleeper, and it is woken in its own actor's turns.</summary>
[Untracked("the sleeper only looks again; what it finds is tracked")]
public sealed class Wakeup
{
    /// <summary>How often a sleeper looks that cannot be woken.</summary>
    public const long LookMicroseconds = 2_000;

    private Action? _wake;

    /// <summary>A sleep begins; <paramref name="wake"/> ends it.</summary>
    public void Arm(Action wake) => _wake = wake;

    /// <summary>Without a sleeper nothing happens.</summary>
    public void Wake()
    {
        var wake = _wake;
        _wake = null;
        wake?.Invoke();
    }
}
