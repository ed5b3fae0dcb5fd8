using YamlDotNet.Core;

namespace Livebed.Driver.CampaignFiles;

/// <summary>One key of a section of the campaign file: how it is read, checked, written back and documented.</summary>
internal abstract class Key<T>(string name)
{
    public string Name { get; } = name;

    /// <summary>Whether the key means anything for this target (trace and synthetic guests have different keys), and why not.</summary>
    public (Func<T, bool> Holds, string Else)? Condition { get; init; }

    /// <summary>Reads a setting into the target; <paramref name="path"/> is the key's full path, for errors.</summary>
    public abstract void Read(T target, SectionSetting.Entry entry, string path);

    /// <summary>False when there is nothing to write.</summary>
    public virtual bool IsWritten(T source) => Condition?.Holds(source) ?? true;

    /// <summary>Emits the value; the name has been.</summary>
    public abstract void Write(T source, IEmitter emitter);

    public abstract IEnumerable<KeyDocumentation> Document(string prefix, T defaults);
}
