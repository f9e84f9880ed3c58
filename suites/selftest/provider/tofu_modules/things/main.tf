# Things that show on this machine: a file for each, made and removed by tofu. What the tests take for a cloud.

variable "seatrial_tags" {
  type = map(string)
}

variable "cloud" {
  type        = string
  description = "the folder in which things are"
}

variable "seconds" {
  type        = number
  default     = 0
  description = "how long the second thing takes"
}

variable "fails" {
  type    = bool
  default = false
}

variable "blocked" {
  type        = string
  default     = ""
  description = "a file; as long as it is there, nothing can be destroyed"
}

variable "kubeconfig" {
  type    = string
  default = "apiVersion: v1"
}

resource "terraform_data" "first" {
  input = { path = "${var.cloud}/first", blocked = var.blocked, lease = var.seatrial_tags["seatrial-lease"] }
  provisioner "local-exec" {
    command = "echo ${self.input.lease} > ${self.input.path}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "test ! -e '${self.input.blocked}' && rm -f ${self.input.path} ${self.input.path}.second"
  }
}

resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  input      = "${var.cloud}/first.second"
  provisioner "local-exec" {
    command = "echo begun > ${self.input}; sleep ${var.seconds}; ${var.fails ? "echo the quota is used up >&2; exit 7" : "echo made > ${self.input}"}"
  }
}

output "kubeconfig" {
  value     = var.kubeconfig
  sensitive = true
}
