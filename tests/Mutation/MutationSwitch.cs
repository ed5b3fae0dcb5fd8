using System.Reflection;
using Livebed.Kvm.Vms;

namespace Livebed.Mutation;

/// <summary>Switches mutations of the mutated model on, one at a time; they are numbers there.</summary>
internal sealed class MutationSwitch
{
    private const int None = -1;

    private readonly FieldInfo _active;
    private readonly FieldInfo _notes;
    private readonly bool[] _reached;

    public MutationSwitch()
    {
        var gate = typeof(Vm).Assembly.GetType(MutatedModel.SwitchName) ??
            throw new InvalidOperationException("the model has no mutations in it");
        (_active, _notes) = (gate.GetField("Active")!, gate.GetField("NotesReached")!);
        _reached = (bool[])gate.GetField("Reached")!.GetValue(null)!;
    }

    public void On(int mutation) => _active.SetValue(null, mutation);

    public void Off() => _active.SetValue(null, None);

    /// <summary>The mutations whose place is passed meanwhile.</summary>
    public HashSet<int> ReachedBy(Action play)
    {
        Array.Clear(_reached);
        _notes.SetValue(null, true);
        play();
        _notes.SetValue(null, false);
        return Enumerable.Range(0, _reached.Length).Where(id => _reached[id]).ToHashSet();
    }
}
