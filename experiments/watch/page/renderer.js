// A WebGL2 renderer for a few dozen solids and some hundred lines: one sun with soft shadows, sky light, transparency.

const SHADOW_SIZE = 2048;

class Renderer {
  constructor(canvas, geoms) {
    this.canvas = canvas;
    const gl = this.gl = canvas.getContext("webgl2", { antialias: true, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL2");
    this.solid = this.program(SOLID_VERTEX, SOLID_FRAGMENT);
    this.depth = this.program(DEPTH_VERTEX, DEPTH_FRAGMENT);
    this.sky = this.program(SKY_VERTEX, SKY_FRAGMENT);
    this.line = this.program(LINE_VERTEX, LINE_FRAGMENT);
    this.meshes = geoms.map((geom) => this.mesh(meshOf(geom)));
    this.empty = gl.createVertexArray();
    this.makeShadowMap();
    this.makeLines();
  }

  program(vertex, fragment) {
    const gl = this.gl, program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) || "lost context");
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "lost context");
    const places = {};
    for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
      const { name } = gl.getActiveUniform(program, i);
      places[name] = gl.getUniformLocation(program, name);
    }
    return { program, ...places };
  }

  attributes(sizes) {
    const gl = this.gl, stride = 4 * sizes.reduce((a, b) => a + b);
    let offset = 0;
    sizes.forEach((size, i) => {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribPointer(i, size, gl.FLOAT, false, stride, offset);
      offset += 4 * size;
    });
  }

  mesh(data) {
    const gl = this.gl, array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    this.attributes([3, 3]);
    return { array, count: data.length / 6 };
  }

  makeShadowMap() {
    const gl = this.gl, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.DEPTH_COMPONENT24, SHADOW_SIZE, SHADOW_SIZE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
    this.shadowFrame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowFrame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.TEXTURE_2D, texture, 0);
    gl.drawBuffers([gl.NONE]);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  makeLines() {
    const gl = this.gl;
    this.lineArray = gl.createVertexArray();
    this.lineBuffer = gl.createBuffer();
    gl.bindVertexArray(this.lineArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.lineBuffer);
    this.attributes([3, 3, 2, 4, 1]);
  }

  // items: [{geom, model, scale, colour, isFloor}]; lines: a Lines; camera: {eye, matrix}; frame: {centre, reach, floorZ}.
  draw(items, lines, camera, frame) {
    const gl = this.gl, sun = unit([-0.62, 0.3, 1]);
    const light = multiply(orthographic(frame.reach * 1.15, 0, frame.reach * 8),
      lookAt(add(frame.centre, times(sun, frame.reach * 4)), frame.centre, [0, 0, 1]));
    gl.enable(gl.DEPTH_TEST);
    gl.depthMask(true);
    this.drawDepth(items, light);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    this.drawSky();
    this.drawSolids(items, light, sun, camera, frame);
    this.drawLines(lines, camera);
    this.drawGlass(items, camera);
    gl.depthMask(true);
  }

  drawDepth(items, light) {
    const gl = this.gl, program = this.depth;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowFrame);
    gl.viewport(0, 0, SHADOW_SIZE, SHADOW_SIZE);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.useProgram(program.program);
    gl.uniformMatrix4fv(program.light, false, light);
    for (const item of items) {
      if (item.isFloor || item.colour[3] < 0.6) continue;
      gl.uniformMatrix4fv(program.model, false, item.model);
      this.drawMesh(item);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  drawSky() {
    const gl = this.gl;
    gl.useProgram(this.sky.program);
    gl.uniform1f(this.sky.height, this.canvas.height);
    gl.depthMask(false);
    gl.bindVertexArray(this.empty);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.depthMask(true);
  }

  drawSolids(items, light, sun, camera, frame) {
    const gl = this.gl, program = this.solid;
    gl.useProgram(program.program);
    gl.uniformMatrix4fv(program.view, false, camera.matrix);
    gl.uniformMatrix4fv(program.light, false, light);
    gl.uniform3fv(program.eye, camera.eye);
    gl.uniform3fv(program.sun, sun);
    gl.uniform3fv(program.centre, frame.centre);
    gl.uniform1f(program.reach, frame.reach);
    gl.uniform1f(program.floorZ, frame.floorZ);
    gl.uniform1f(program.height, this.canvas.height);
    for (const item of items) if (item.colour[3] >= 0.99) this.drawSolid(item);
  }

  // Glass comes last, far to near, and does not hide what is behind it.
  drawGlass(items, camera) {
    const gl = this.gl, far = (item) => Math.hypot(...sub([...item.model.subarray(12, 15)], camera.eye));
    gl.useProgram(this.solid.program);
    gl.depthMask(false);
    items.filter((item) => item.colour[3] < 0.99).sort((a, b) => far(b) - far(a)).forEach((item) => this.drawSolid(item));
  }

  drawSolid(item) {
    const gl = this.gl, program = this.solid;
    gl.uniformMatrix4fv(program.model, false, item.model);
    gl.uniform3fv(program.scale, item.scale);
    gl.uniform4fv(program.colour, item.colour);
    gl.uniform1f(program.isFloor, item.isFloor ? 1 : 0);
    this.drawMesh(item);
  }

  drawMesh(item) {
    const mesh = this.meshes[item.geom];
    this.gl.bindVertexArray(mesh.array);
    this.gl.drawArrays(this.gl.TRIANGLES, 0, mesh.count);
  }

  drawLines(lines, camera) {
    const gl = this.gl, data = lines.vertices();
    gl.useProgram(this.line.program);
    gl.uniformMatrix4fv(this.line.view, false, camera.matrix);
    gl.uniform2f(this.line.size, this.canvas.width, this.canvas.height);
    gl.bindVertexArray(this.lineArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.lineBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    gl.depthMask(false);
    gl.drawArrays(gl.TRIANGLES, 0, data.length / 13);
  }
}
