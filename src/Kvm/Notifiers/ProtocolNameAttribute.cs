namespace Livebed.Kvm.Notifiers;

/// <summary>The name, in kebab-case, by which a protocol of an assembly of its own is chosen; without it that is the type's name less "Protocol".</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ProtocolNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
