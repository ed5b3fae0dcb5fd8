namespace Livebed.Explorer.Witnesses;

/// <summary>One row of a witness as a person reads it: from which step on, whose, what.</summary>
public sealed record WitnessRow(long Step, string Lane, WitnessKind Kind, string Text)
{
    internal bool SaysTheSameAs(WitnessRow other) => Lane == other.Lane && Kind == other.Kind && Text == other.Text;
}
