using YamlDotNet.Core;

namespace Livebed.Driver.CampaignFiles;

/// <summary>A key that holds a section of its own.</summary>
internal sealed class SectionKey<T, TSection>(string name, Section<TSection> section, Func<T, TSection> get) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path) => section.Read(get(target), entry.Value, path);

    public override void Write(T source, IEmitter emitter) => section.Write(get(source), emitter);

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults) => section.Document($"{prefix}{Name}.");
}
