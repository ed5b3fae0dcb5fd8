namespace Livebed.Kvm.World;

/// <summary>
/// A mutable field of the model (or all fields of a class) that is no cell on purpose, with the reason: a count that nothing acts upon, an
/// object of one operation or one lane. A test finds every mutable field that is neither a cell nor marked.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Field | AttributeTargets.Property, Inherited = false)]
public sealed class UntrackedAttribute(string reason) : Attribute
{
    public string Reason { get; } = reason;
}

/// <summary>The object's mutable fields are tracked by the cell that holds it. A test finds one that a field holds without a
/// cell.</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class CellContentAttribute : Attribute;
