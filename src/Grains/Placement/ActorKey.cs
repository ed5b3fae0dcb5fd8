namespace Livebed.Grains.Placement;

/// <summary>
/// A grain's identity taken apart. <paramref name="Index"/> is the host's number (a probe's: its silo's); <paramref name="Vm"/>,
/// <paramref name="Incarnation"/> and <paramref name="Vcpu"/> are -1 where the role has none. A VM that is destroyed and created again
/// is a new incarnation, hence a new grain: nothing of the old one can leak into it.
/// </summary>
public readonly record struct ActorKey(ActorRole Role, int Index, int Vm = -1, int Incarnation = -1, int Vcpu = -1);
